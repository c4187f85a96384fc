"""The entry: which command lines are a plain run, and what a process says as it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon import commands
from daemon.cli import EXIT_FAILED, EXIT_USAGE, fail, plain_run
from daemon.errors import CohortdError, Problem, SettingsError


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("run -c a.yaml", ["a.yaml"]),
        ("run --config a.yaml", ["a.yaml"]),
        ("run -c a.yaml --config b/c.yaml", ["a.yaml", "b/c.yaml"]),
    ],
)
def test_a_plain_run_is_read_here(line: str, files: list[str]) -> None:
    assert plain_run(line.split()) == [Path(file) for file in files]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "run",
        "run -c",
        "run a.yaml",
        "run -c a.yaml --help",
        "run -c a.yaml b.yaml",
        "run -c -c",
        "run -c --help",
        "run --config=a.yaml",
        "run -ca.yaml",
        "run --unknown a.yaml",
        "--debug run -c a.yaml",
        "check -c a.yaml",
        "--version",
    ],
)
def test_anything_else_is_left_to_who_can_explain_it(line: str) -> None:
    assert plain_run(line.split()) is None


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (CohortdError("Kafka is away"), 1, ["cohortd: Kafka is away"]),
        (
            SettingsError([Problem("a", "is wrong"), Problem("b", "is missing", "x or y")]),
            2,
            ["cohortd: a: is wrong", "cohortd: b: is missing; x or y"],
        ),
        (
            LookupError("of two\nlines"),
            1,
            ["cohortd: LookupError: of two?lines; `cohortd --debug …` shows where"],
        ),
        (BrokenPipeError("nobody reads"), 1, []),
    ],
)
def test_whatever_ends_a_process_is_said_in_lines(
    error: Exception, code: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        fail(error)

    assert ended.value.code == code
    assert capsys.readouterr().err.splitlines() == lines


def test_what_nobody_has_foreseen_is_a_line_and_a_traceback_with_debug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def app(**_: object) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(commands, "app", app)
    with pytest.raises(SystemExit) as plain:
        commands.main()
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("cohortd: LookupError: a bug; ")
    monkeypatch.setattr(commands._State, "debug", True)

    with pytest.raises(SystemExit) as debugged:
        commands.main()

    assert plain.value.code == debugged.value.code == EXIT_FAILED
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith(line + "\n")


def test_settings_that_are_wrong_are_exit_code_2_with_debug_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def app(**_: object) -> None:
        raise SettingsError([Problem("window.max_age", "is not a duration")])

    monkeypatch.setattr(commands, "app", app)
    monkeypatch.setattr(commands._State, "debug", True)

    with pytest.raises(SystemExit) as ended:
        commands.main()

    assert ended.value.code == EXIT_USAGE
    assert capsys.readouterr().err.endswith("cohortd: window.max_age: is not a duration\n")
