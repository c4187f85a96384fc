# ruff: noqa: ANN401  Settings and fields of any type are the point here.
from __future__ import annotations

import io
import json
import logging
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.model import Alias, Device, Partition
from daemon.logs import MemberHasher, configure, event, get_logger, librdkafka_logger
from tests.support.logging_restored import logging_restored

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["logging_restored"]  # A fixture is there by being named.

SECRET = "canary-key/with+signs=9f8e7d"
HOSTILE = [
    "plain",
    "two\nlines\r\nand\x00nul",
    "\x1b[31mred\x1b[0m \x9b31m",
    '"}\n{"event":"forged","level":"error"',
    "\u2028\u2029\u202egnp.exe\u200b",
    "\ud800 alone",
    "x" * 100_000,
    "emoji 🎉 and ünïcode",
]


def lines_of(act: Callable[[Any], None], **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of(act, **options).splitlines()]


def text_of(act: Callable[[Any], None], **options: Any) -> str:
    stream = io.StringIO()
    pipe = configure(options.pop("level", "debug"), stream=stream, **options)
    act(get_logger())
    assert pipe.close()
    return stream.getvalue()


def fail(message: str) -> None:
    hidden_local = SECRET  # noqa: F841  A traceback with locals would show it.
    raise ValueError(message)


def log_failure(log: Any, message: str) -> None:
    try:
        fail(message)
    except ValueError:
        log.exception(event.DAEMON_CRASHED)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_one_parseable_line(text: str) -> None:
    written = text_of(
        lambda log: log.info(event.COHORT_ANNOUNCED, cohort=text, deep={text: [text, {"a": text}]})
    )

    assert written.count("\n") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", written)
    line = json.loads(written)
    assert line["event"] == "cohort_announced"
    assert len(line["cohort"]) <= 512


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), st.text(max_size=50)))
def test_any_fields_make_one_line(fields: dict[str, str]) -> None:
    fields = {f"f_{name}": value for name, value in fields.items()}

    lines = lines_of(lambda log: log.info(event.DAEMON_STARTED, **fields))

    assert len(lines) == 1
    assert fields.keys() <= lines[0].keys()


def test_a_line_names_time_level_and_event_first() -> None:
    (line,) = lines_of(lambda log: log.warning(event.KAFKA_ERROR, broker="b1"))

    assert list(line) == ["timestamp", "level", "event", "broker"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
    assert (line["level"], line["event"]) == ("warning", "kafka_error")


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_secret_is_nowhere_in_what_is_written(format_: Any) -> None:
    def act(log: Any) -> None:
        log.info(f"event_with_{SECRET}", text=f"key is {SECRET}!", key=[SECRET, {SECRET: SECRET}])  # noqa: G004
        log.info("cut", text="x" * 500 + SECRET)
        log.info("spelt", text=repr(SECRET), quoted="canary-key%2Fwith%2Bsigns%3D9f8e7d")
        log_failure(log, f"refused {SECRET}")
        logging.getLogger("httpx").error("sent %s", SECRET)

    written = text_of(act, format=format_, secrets=lambda: [SECRET])

    assert "canary" not in written
    assert "9f8e7d" not in written
    assert "***" in written


def test_a_new_secret_is_masked_from_the_next_line_and_the_old_one_still() -> None:
    known = ["old-secret-value"]

    def act(log: Any) -> None:
        log.info("first", text="old-secret-value")
        known[:] = ["new-secret-value"]
        log.info("second", text="old-secret-value new-secret-value")

    first, second = lines_of(act, secrets=lambda: list(known))

    assert first["text"] == "***"
    assert second["text"] == "*** ***"


def test_a_secret_that_is_a_number_is_masked_in_a_number() -> None:
    (line,) = lines_of(lambda log: log.info("x", count=12345678), secrets=lambda: ["12345678"])

    assert line["count"] == "***"


def test_fields_named_like_a_secret_are_masked_whoever_gave_them() -> None:
    (line,) = lines_of(
        lambda log: log.info(
            "x", client_secret="unknown", partner_api_key_file="/run/key", config={"password": "p"}
        )
    )

    assert line["client_secret"] == "***"
    assert line["partner_api_key_file"] == "/run/key"
    assert line["config"] == {"password": "***"}


def test_a_traceback_has_places_and_causes_but_no_locals() -> None:
    def act(log: Any) -> None:
        try:
            try:
                fail("inner")
            except ValueError as error:
                raise RuntimeError("outer") from error
        except RuntimeError:
            log.exception(event.DAEMON_CRASHED)

    (line,) = lines_of(act)

    assert (line["error_type"], line["error"]) == ("RuntimeError", "outer")
    assert line["caused_by"] == ["ValueError: inner"]
    assert any("test_logs.py" in place and place.endswith(" act") for place in line["trace"])
    assert SECRET not in json.dumps(line)


def test_members_are_hashed_at_debug_and_absent_above() -> None:
    def act(log: Any) -> None:
        for say in (log.debug, log.info):
            say("x", member="user-1", alias=Alias("a@b.c", "email"), whom=Device("d-1"), members=3)
            say("y", added=["user-1"], removed=[Device("d-1")])

    below, lists, above, no_lists = lines_of(act, hash_key=b"k")

    assert below["member"] == MemberHasher(b"k").digest("user-1")
    assert below["alias"] == MemberHasher(b"k").digest(Alias("a@b.c", "email"))
    assert below["whom"] == MemberHasher(b"k").digest(Device("d-1"))
    assert lists["added"] == [MemberHasher(b"k").digest("user-1")]
    assert lists["removed"] == [MemberHasher(b"k").digest(Device("d-1"))]
    assert {"member", "alias", "whom"}.isdisjoint(above)
    assert {"added", "removed"}.isdisjoint(no_lists)
    assert above["members"] == 3


@pytest.mark.parametrize(("mode", "shown"), [("clear", ["u1", "u2"]), ("none", None)])
def test_members_are_shown_as_configured(mode: Any, shown: list[str] | None) -> None:
    (line,) = lines_of(lambda log: log.debug("x", members=["u1", "u2"]), member_ids=mode)

    assert line.get("members") == shown


def test_more_members_than_a_request_has_are_counted() -> None:
    lines = lines_of(lambda log: log.debug("x", members=[f"u{n}" for n in range(1_003)]))

    assert lines[-1]["members"][-1] == "… 3 more"
    assert sum(len(line["members"]) for line in lines) == 1_001


def test_a_member_inside_another_value_is_never_shown() -> None:
    written = text_of(
        lambda log: log.debug("x", batch=[Alias("canary@example.org", "email")], raw=b"canary")
    )

    assert "canary" not in written


def test_hashes_differ_between_keys_and_kinds_and_agree_under_one_key() -> None:
    one, two = MemberHasher(b"one"), MemberHasher(b"two")

    digests = {
        one.digest("a"),
        one.digest(Device("a")),
        one.digest(Alias("a", "a")),
        two.digest("a"),
    }

    assert len(digests) == 4
    assert one.digest("a") == MemberHasher(b"one").digest("a")
    assert all(re.fullmatch("[0-9a-f]{16}", digest) for digest in digests)
    assert MemberHasher().digest("a") != MemberHasher().digest("a")


def test_awkward_values_become_plain_ones() -> None:
    (line,) = lines_of(
        lambda log: log.info(
            "x", nan=float("nan"), big=2**100, where=Partition("t", 3), many=list(range(100))
        )
    )

    assert line["nan"] == "nan"
    assert line["big"] == 2**100
    assert line["where"] == "t:3"
    assert line["many"][-1] == "… 68 more"


def test_a_line_is_bounded_whatever_its_fields() -> None:
    written = text_of(lambda log: log.info("x", **{f"f{n}": ["y" * 600] * 50 for n in range(20)}))

    assert len(written) <= 16_385
    assert json.loads(written)["event"] == "x"


def test_below_the_level_nothing_is_written() -> None:
    assert lines_of(lambda log: log.info("x"), level="warning") == []


def test_librdkafka_repeats_are_folded_and_calmed() -> None:
    def act(log: Any) -> None:
        logger = librdkafka_logger(log)
        for attempt in range(9):
            logger.error("FAIL [thrd:localhost:9092]: refused (after %dms)", attempt)

    lines = lines_of(act)

    assert [line.get("count", 1) for line in lines] == [1, 2, 4, 8]
    assert {line["event"] for line in lines} == {"kafka_library_message"}
    assert {line["level"] for line in lines} == {"warning"}


def test_lines_of_many_threads_are_all_written_whole() -> None:
    def act(log: Any) -> None:
        def talk(who: int) -> None:
            for number in range(100):
                log.info("x", who=who, number=number)

        threads = [threading.Thread(target=talk, args=(who,)) for who in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    lines = lines_of(act)

    for who in range(4):
        assert [line["number"] for line in lines if line["who"] == who] == list(range(100))


def test_event_names_are_unique_snake_case() -> None:
    names = [name for name in vars(event) if name.isupper()]

    assert len(event.all_events()) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in event.all_events())
    assert all(getattr(event, name) == name.lower() for name in names)


def test_an_unconfigured_process_cleans_its_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.reset_defaults()

    log_failure(get_logger(), "boom\nbang")

    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert json.loads(written)["error"] == "boom\\nbang"
    assert SECRET not in written
