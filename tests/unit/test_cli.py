"""The entry: which command lines are a plain run."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli import plain_run


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
