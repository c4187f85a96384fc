"""Dead letters: what their headers tell, which are chosen, and what is to become of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daemon.core.model import Partition
from daemon.errors import CohortdError, SettingsError
from daemon.intake.dead_letters import DeadLetters
from daemon.kafka.records import Letter, Reason, Reject
from daemon.tools.dlq.choice import Choice, check_reasons, parse_time_ms
from daemon.tools.dlq.judging import DONE, Fate, Judged, Log, Where, first_fate, judge
from daemon.tools.dlq.letter import DeadLetter, read_letter
from daemon.tools.dlq.reading import Reading
from daemon.tools.dlq.replay import Replayed
from daemon.tools.dlq.showing import parse_place, write_value
from daemon.tools.dlq.told import as_document, lines
from tests.support.corpus import FakeRecord

PLACE = Partition("letters", 0)
SOURCE = Partition("crm.members", 3)
ANN = ("vip", "ann")
ADDS_ANN = Reading((((ANN), True),))


def letter_of(reject: Reject, offset: int = 0) -> DeadLetter:
    return _parsed(DeadLetters().of_record(reject), offset)


def _parsed(letter: Letter, offset: int) -> DeadLetter:
    record = FakeRecord(letter.value, letter.key, tuple(letter.headers), offset)
    return read_letter(PLACE, record)


def reject_at(offset: int, **changes: Any) -> Reject:  # noqa: ANN401
    known = {"reason": Reason.UNKNOWN_OP, "detail": "op is none", "value": b"{}", "key": b"ann"}
    return Reject(SOURCE, offset, **{**known, **changes})


def log(last: int = -1, first: int = 0, end: int = 1_000) -> Log:
    return Log({SOURCE: (first, end)}, {Where(SOURCE, ANN): last})


def test_a_letter_tells_where_it_comes_from_and_why() -> None:
    letter = letter_of(reject_at(17, headers=[("trace", b"7")]), offset=4)

    assert (letter.source, letter.first_offset, letter.last_offset) == (SOURCE, 17, 17)
    assert (letter.reason, letter.detail, letter.replays) == ("unknown_op", "op is none", 0)
    assert (str(letter), letter.made) == ("0:4", False)
    assert letter.headers == [("trace", b"7")]
    assert letter.replay_headers() == [("trace", b"7"), ("cohortd.replays", b"1")]


def test_a_letter_that_comes_back_counts_on() -> None:
    once = letter_of(reject_at(17))
    again = letter_of(reject_at(30, headers=once.replay_headers()))

    assert again.replays == 1
    assert again.replay_headers() == [("cohortd.replays", b"2")]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("__connect.errors.topic", b"t"),),
        (("__connect.errors.topic", b"t"), ("__connect.errors.partition", b"x")),
        (("cohortd.replays", b"many"), ("__connect.errors.offset", b"9" * 40)),
    ],
)
def test_a_record_that_is_no_letter_of_ours_has_no_source(
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    letter = read_letter(PLACE, FakeRecord(b"?", None, headers))

    assert (letter.source, letter.reason, letter.replays) == (None, "unknown", 0)


@pytest.mark.parametrize(
    ("given", "fate"),
    [
        (log(), Fate.REPLAY),
        (log(last=17), Fate.REPLAY),  # The record itself.
        (log(last=18), Fate.SUPERSEDED),
        (log(first=18), Fate.REPLAY),  # Nothing between it and the log's first record.
        (log(first=19), Fate.LOG_GONE),
        (log(end=17), Fate.LOG_GONE),
    ],
)
def test_the_log_behind_a_letter_decides_whether_it_comes_back(given: Log, fate: Fate) -> None:
    [judged] = judge([(letter_of(reject_at(17)), ADDS_ANN)], given)

    assert judged.fate is fate
    assert bool(judged.detail) is (fate is not Fate.REPLAY)


def test_a_letter_about_two_members_stays_where_one_of_them_has_a_later_word() -> None:
    both = Reading(((ANN, False), (("vip", "bob"), True)))

    [judged] = judge([(letter_of(reject_at(17)), both)], log(last=20))

    assert judged.fate is Fate.SUPERSEDED


def test_a_record_that_became_two_letters_comes_back_once() -> None:
    letters = [letter_of(reject_at(17), offset) for offset in (4, 5)]

    judged = judge([(letter, ADDS_ANN) for letter in letters], log())

    assert [each.fate for each in judged] == [Fate.REPLAY, Fate.SUPERSEDED]
    assert judged[1].detail == "the same record stands in letter 0:4"


@pytest.mark.parametrize(
    ("reading", "replays", "fate"),
    [
        (None, 0, Fate.NO_INPUT),
        (Reading(reason="missing_column", detail="column a"), 0, Fate.STILL_REJECTED),
        (Reading(rule="tombstone"), 0, Fate.IGNORED),
        (ADDS_ANN, 3, Fate.REPLAYED_OFTEN),
        (ADDS_ANN, 2, None),
    ],
)
def test_what_is_certain_without_the_log(
    reading: Reading | None, replays: int, fate: Fate | None
) -> None:
    headers = [("cohortd.replays", b"%d" % replays)]

    found = first_fate(letter_of(reject_at(17, headers=headers)), reading)

    assert (None if found is None else found[0]) is fate


def test_progress_passes_only_what_no_configuration_can_bring_back() -> None:
    assert Fate.STILL_REJECTED not in DONE
    assert Fate.NO_INPUT not in DONE
    assert Fate.NOT_OURS_TO_WRITE not in DONE
    assert Fate.IGNORED not in DONE


@pytest.mark.parametrize(
    ("choice", "taken"),
    [
        (Choice(), True),
        (Choice(reasons=frozenset({"unknown_op"})), True),
        (Choice(reasons=frozenset({"too_large"})), False),
        (Choice(topics=frozenset({SOURCE.topic})), True),
        (Choice(topics=frozenset({"other"})), False),
        (Choice(cohorts=frozenset({"vip"})), True),
        (Choice(cohorts=frozenset({"other"})), False),
        (Choice(since_ms=1_700_000_000_000), True),
        (Choice(since_ms=1_700_000_000_001), False),
        (Choice(until_ms=1_700_000_000_000), False),
        (Choice(until_ms=1_700_000_000_001), True),
    ],
)
def test_a_choice_takes_what_meets_all_of_it(choice: Choice, *, taken: bool) -> None:
    assert choice.takes(letter_of(reject_at(17)), ("vip",)) is taken
    assert choice.is_all is (choice == Choice())


def test_a_reason_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="unknown_op"):
        check_reasons(["unknwon_op"])


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        (None, None),
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T03:04:05", 1_767_323_045_000),
        ("2026-01-02T05:04:05+02:00", 1_767_323_045_000),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(text: str | None, at_ms: int | None) -> None:
    assert parse_time_ms("--since", text) == at_ms


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(SettingsError, match="--since"):
        parse_time_ms("--since", "yesterday")


def test_a_letter_is_named_by_partition_and_offset() -> None:
    assert parse_place("3:17") == (3, 17)


@pytest.mark.parametrize(
    "where", ["17", "a:17", "3:-1", "3:", f"{2**31}:0", f"0:{2**63}", "\u0663:1"]
)
def test_what_is_no_place_of_a_letter_is_refused(where: str) -> None:
    with pytest.raises(SettingsError, match="is no place of a letter; write it like 0:17"):
        parse_place(where)


def test_what_was_not_replayed_is_listed_with_its_reason_and_no_value() -> None:
    letter = letter_of(reject_at(17, value=b'{"user":"canary"}'))
    replayed = Replayed(
        (
            Judged(letter, Fate.REPLAY, "", ADDS_ANN),
            Judged(letter, Fate.SUPERSEDED, "crm.members:3 offset 20", ADDS_ANN),
        ),
        written=1,
        left_out=2,
    )

    told = list(lines(replayed, dry_run=False))
    document = as_document(replayed, dry_run=False)

    assert told[0].startswith("1 replayed; 1 superseded")
    assert told[0].endswith("2 left out")
    assert "superseded" in told[2]
    assert len(told) == 3
    assert "canary" not in str(told) + str(document)
    assert "ann" not in str(told[2].split("crm")[0])


def test_a_value_is_written_byte_by_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "value"

    write_value(file, b"\x00\xff\n")

    assert file.read_bytes() == b"\x00\xff\n"
    assert capsys.readouterr().out == f"value written to {file}\n"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none/value", "No such file or directory"),
        ("file/value", "Not a directory"),
        ("", "Is a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_value_that_can_not_be_written_is_one_line(name: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CohortdError) as caught:
        write_value(tmp_path / name, b"{}")

    assert str(caught.value).startswith(f"--raw {tmp_path}")
    assert str(caught.value).endswith(f": can't be written: {why}; name a file that can be")


def test_a_name_that_is_no_text_is_told_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_value(tmp_path / "caf\udce9\n", b"{}")

    assert capsys.readouterr().out == f"value written to {tmp_path}/caf??\n"
