"""The table of faults: every row has a test that exists, or says why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.named_tests import LINK, missing

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
FAULTS = 78

_REASON = re.compile(r"Not shown: .{20,}")


@dataclass(frozen=True)
class Row:
    """One fault: its number, how many tests it names, which are not there, and what is beside."""

    number: int
    tests: int
    missing: tuple[str, ...]
    rest: str

    @property
    def reason(self) -> bool:
        return _REASON.fullmatch(self.rest) is not None


def _row(cells: list[str]) -> Row:
    number, *_, shown = cells
    return Row(
        int(number),
        len(LINK.findall(shown)),
        tuple(missing(shown)),
        LINK.sub("", shown).strip(" ,."),
    )


def _rows() -> list[Row]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if re.match(r"\| \d", line)]
    return [_row(row) for row in cells]


ROWS = _rows()


def test_every_fault_stands_once_and_in_order() -> None:
    assert [row.number for row in ROWS] == list(range(1, FAULTS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_a_fault_has_tests_that_exist_or_says_why_not(row: Row) -> None:
    assert row.missing == ()
    assert row.tests or row.reason
    assert row.reason or not row.rest, f"not understood: {row.rest!r}"
