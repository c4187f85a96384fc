"""What a debug line says of a request: whom it named, and what became of it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from daemon.braze.account import log_answer
from daemon.core.delivery import Attempt
from daemon.core.model import Alias, Changes, CohortUpdate, Device
from daemon.logs import MemberHasher, configure
from daemon.logs.setup import LINE_LENGTH_MAX
from tests.support.builders import ACCEPTED, NO_CONNECTION, REFUSED, TIMEOUT, members
from tests.support.logging_restored import logging_restored

if TYPE_CHECKING:
    from daemon.core.verdict import Answer

__all__ = ["logging_restored"]  # A fixture is there by being named.

ROOT = Path(__file__).resolve().parents[2]
ANN, BOB, CAT = "canary-ann", Alias("canary-bob", "email"), Device("canary-cat")
FEW: Changes = {ANN: True, BOB: False, CAT: True}
HASHER = MemberHasher(b"k")


def told(changes: Changes, answer: Answer = ACCEPTED, **options: Any) -> str:  # noqa: ANN401
    stream = io.StringIO()
    pipe = configure(options.pop("level", "debug"), stream=stream, hash_key=b"k", **options)
    update = CohortUpdate.of("vip", changes)
    log_answer(Attempt(7, "vip", "VIP", update, None), answer, 0.25)
    assert pipe.close()
    return stream.getvalue()


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_accepted_update_names_its_members_by_their_hashes_at_debug() -> None:
    text = told(FEW)

    [line] = lines_of(text)
    del line["timestamp"]
    assert line == {
        "level": "debug",
        "event": "update_answered",
        "cohort": "vip",
        "attempt": 7,
        "verdict": "accepted",
        "sent": "answered",
        "reason": "ok",
        "status": 201,
        "seconds": 0.25,
        "adds": 2,
        "removes": 1,
        "added": [HASHER.digest(ANN), HASHER.digest(CAT)],
        "removed": [HASHER.digest(BOB)],
    }
    assert "canary" not in text


def test_members_are_named_in_the_clear_where_that_is_asked_for() -> None:
    [line] = lines_of(told(FEW, member_ids="clear"))

    assert line["added"] == ["canary-ann", "canary-cat"]
    assert line["removed"] == ["canary-bob:email"]


def test_members_are_counted_only_where_none_is_to_be_named() -> None:
    text = told(members(1_000), member_ids="none")

    [line] = lines_of(text)
    assert (line["adds"], line["removes"]) == (1_000, 0)
    assert {"added", "removed", "part"}.isdisjoint(line)
    assert "user-" not in text


@pytest.mark.parametrize("mode", ["hashed", "clear", "none"])
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_above_debug_nothing_is_said(level: str, mode: str) -> None:
    assert told(FEW, level=level, member_ids=mode) == ""


@pytest.mark.parametrize(
    ("answer", "verdict", "sent"),
    [
        (TIMEOUT, "retry", "ambiguous"),
        (NO_CONNECTION, "retry", "unsent"),
        (REFUSED, "refused", "answered"),
    ],
)
def test_an_attempt_that_failed_says_whether_braze_may_have_applied_it(
    answer: Answer, verdict: str, sent: str
) -> None:
    [line] = lines_of(told(FEW, answer))

    assert (line["verdict"], line["sent"]) == (verdict, sent)
    assert line["reason"] == answer.reason
    assert line["added"]


@pytest.mark.parametrize("mode", ["hashed", "clear"])
@pytest.mark.parametrize("length", [8, 512, 5_000])
def test_a_full_request_is_told_of_everybody_in_lines_of_bounded_length(
    length: int, mode: str
) -> None:
    leaving = {f"{number}\\".ljust(length, '"'): False for number in range(400)}
    joining: Changes = {f"{number}+".ljust(length, '"'): True for number in range(400, 1_000)}

    text = told(leaving | joining, member_ids=mode)

    lines = lines_of(text)
    assert max(map(len, text.splitlines())) <= LINE_LENGTH_MAX
    assert [line["part"] for line in lines] == [*range(1, len(lines) + 1)]
    assert {line["parts"] for line in lines} == {len(lines)}
    assert {(line["attempt"], line["adds"], line["removes"]) for line in lines} == {(7, 600, 400)}
    named = [member for name in ("removed", "added") for line in lines for member in line[name]]
    everybody = [*leaving, *joining]
    if mode == "hashed":
        assert named == [HASHER.digest(member) for member in everybody]
    else:  # An id may be longer than a field, and is cut like any other text.
        assert [member[:400] for member in named] == [member[:400] for member in everybody]


def test_a_member_has_one_hash_in_every_line_of_a_process() -> None:
    stream = io.StringIO()
    pipe = configure("debug", stream=stream)  # Without a key of its own.
    for number, add in enumerate((True, False)):
        update = CohortUpdate.of("vip", {ANN: add})
        log_answer(Attempt(number, "vip", "VIP", update, None), ACCEPTED, 0.1)
    assert pipe.close()

    first, second = lines_of(stream.getvalue())
    assert first["added"] == second["removed"]
    assert first["removed"] == second["added"] == []


def test_for_people_at_a_terminal_the_members_stand_in_the_line_too() -> None:
    text = told(members(1_000), format="console")

    lines = text.splitlines()
    assert len(lines) > 1
    for member in members(1_000):
        assert text.count(HASHER.digest(member)) == 1


def test_an_announcement_names_nobody() -> None:
    stream = io.StringIO()
    pipe = configure("debug", stream=stream)
    log_answer(Attempt(1, "vip", "VIP", None, None), ACCEPTED, 0.1)

    assert pipe.close()
    assert stream.getvalue() == ""


def test_the_documented_way_to_a_hash_leads_to_the_one_in_the_log(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    [script] = re.findall(r"<<'END'\n(.+?)\nEND$", page, re.DOTALL | re.MULTILINE)
    key = tmp_path / "key"
    key.write_text("k\n")

    command = [sys.executable, "-c", script, str(key), ANN]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    [line] = lines_of(told(FEW))
    assert said.stdout.strip() in line["added"]
