"""Arguments, consent and the table of `cohortd offsets`."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from daemon.config.settings import Settings
from daemon.core.intent import TO_THE_END, Mark
from daemon.core.model import Partition
from daemon.errors import SettingsError
from daemon.kafka.records import Committed
from daemon.tools.offsets.arguments import parse_partition, parse_to
from daemon.tools.offsets.command import Consent
from daemon.tools.offsets.position import Position
from daemon.tools.offsets.table import COLUMNS, print_table, row
from daemon.tools.table import plain_lines
from tests.support.configs import load_with

OURS = "0123abcd"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    inputs = [{"topic": "a.b"}, {"pattern": "^many-.*"}]
    return load_with(tmp_path_factory.mktemp("words"), {"inputs": inputs})


def at(offset: int | None, mark: Mark | None, *, topic_id: str = "id") -> Position:
    text = mark.encode() if mark is not None else ""
    committed = None if offset is None else Committed(offset, text)
    return Position(Partition("a.b", 3), committed, 10, 100, topic_id)


@pytest.mark.parametrize(
    ("text", "partition"),
    [("a.b:0", Partition("a.b", 0)), ("many-7:12", Partition("many-7", 12))],
)
def test_a_partition_is_topic_and_number(
    settings: Settings, text: str, partition: Partition
) -> None:
    assert parse_partition(text, settings) == partition


@pytest.mark.parametrize("text", ["", "a.b", "a.b:", ":3", "a.b:-1", "a.b:x", "a.b:٣", "a.b:1\n"])
def test_what_is_no_partition_is_told_how_to_write_it(settings: Settings, text: str) -> None:
    with pytest.raises(SettingsError, match=r"write it like cohort\.membership:3"):
        parse_partition(text, settings)


def test_a_topic_of_no_input_is_refused_with_the_inputs(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"topic other is in no input.*a\.b, \^many-"):
        parse_partition("other:0", settings)


@pytest.mark.parametrize(
    ("text", "to"), [("earliest", "earliest"), ("latest", "latest"), ("0", 0), ("77", 77)]
)
def test_where_to_is_a_word_or_an_offset(text: str, to: str | int) -> None:
    assert parse_to(text) == to


@pytest.mark.parametrize("text", ["", "-1", "1.5", "Latest", "9" * 19, "1" * 5000])
def test_what_is_no_place_in_a_log_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="write earliest, latest or an offset"):
        parse_to(text)


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_asked_unless_agreed_beforehand(answer: bool) -> None:
    assert Consent(given=False, ask=lambda: answer).obtain() is answer
    assert Consent(given=True, ask=lambda: pytest.fail("was asked")).obtain() is True


def test_without_a_terminal_yes_must_be_said() -> None:
    with pytest.raises(SettingsError, match=r"--yes: nothing was changed.*repeat"):
        Consent(given=False, ask=lambda: None).obtain()


@pytest.mark.parametrize(
    ("position", "cells"),
    [
        (at(40, Mark(80, True, "id", OURS)), "40 10 100 60 80 clean ours goes on"),
        (at(40, Mark(TO_THE_END, False, "id", OURS)), "40 10 100 60 end open ours goes on"),
        (
            at(5, Mark(80, False, "id", OURS)),
            "5 10 100 - 80 open ours parked, out of range: before the log's start",
        ),
        (
            at(101, Mark(80, False, "id", OURS)),
            "101 10 100 - 80 open ours parked, out of range: beyond the log's end",
        ),
        (
            at(40, Mark(80, False, "former", OURS)),
            "40 10 100 - 80 open ours parked, the topic was deleted and made anew",
        ),
        (
            at(40, Mark(80, False, "id", "x y\x1b[31m" + "z" * 99)),
            "40 10 100 60 80 open x?y?[31mzzzzzzz… another destination's",
        ),
        (at(40, None), "40 10 100 60 - - none goes on"),
        (at(None, None), "- 10 100 - - - - no offset"),
    ],
)
def test_a_row_says_how_a_partition_stands(position: Position, cells: str) -> None:
    found = row(position, OURS)

    assert len(found) == len(COLUMNS)
    assert " ".join(found) == f"a.b:3 {cells}"


@pytest.mark.parametrize("topic_id", ["", "id"])
def test_a_topic_is_not_called_new_where_an_id_is_not_told(topic_id: str) -> None:
    unknown = at(40, Mark(80, False, "" if topic_id else "id", OURS), topic_id=topic_id)

    assert unknown.parked() == ""
    assert not unknown.same_log


def test_plain_lines_are_columns_a_script_can_split() -> None:
    lines = plain_lines(COLUMNS, [row(at(40, Mark(80, True, "id", OURS)), OURS)])

    assert lines[0].split() == [name.replace(" ", "_") for name in COLUMNS]
    assert lines[1].split()[:8] == ["a.b:3", "40", "10", "100", "60", "80", "clean", "ours"]
    assert lines[0].index("log_end") == lines[1].index("100")


def test_a_terminal_gets_a_table_with_every_column() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=160, color_system=None)

    print_table(console, [at(5, Mark(80, False, "id", OURS))], OURS)

    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert all(name in shown for name in COLUMNS)
    assert "before the log's start" in shown
