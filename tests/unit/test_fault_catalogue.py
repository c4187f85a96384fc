"""The table of faults: every row has a test that exists, or says why there is none."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
FAULTS = 78

_LINK = re.compile(r"\[`([\w/]+\.py)::(test_\w+)`\]\(\.\./tests/([\w/]+\.py)\)")
_REASON = re.compile(r"Not shown: .{20,}")


@dataclass(frozen=True)
class Row:
    """One fault: its number, the tests named, and what stands beside them."""

    number: int
    tests: tuple[tuple[str, str, str], ...]
    rest: str

    @property
    def reason(self) -> bool:
        return _REASON.fullmatch(self.rest) is not None


def _row(cells: list[str]) -> Row:
    number, *_, shown = cells
    return Row(int(number), tuple(_LINK.findall(shown)), _LINK.sub("", shown).strip(" ,."))


def _rows() -> list[Row]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if re.match(r"\| \d", line)]
    return [_row(row) for row in cells]


ROWS = _rows()


@functools.cache
def _tests_in(path: str) -> frozenset[str]:
    file = ROOT / "tests" / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_every_fault_stands_once_and_in_order() -> None:
    assert [row.number for row in ROWS] == list(range(1, FAULTS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_a_fault_has_tests_that_exist_or_says_why_not(row: Row) -> None:
    missing = [f"{path}::{name}" for path, name, _ in row.tests if name not in _tests_in(path)]

    assert missing == []
    assert all(path == target for path, _, target in row.tests), "a link leads elsewhere"
    assert row.tests or row.reason
    assert row.reason or not row.rest, f"not understood: {row.rest!r}"
