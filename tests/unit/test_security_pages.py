"""The pages on threats and controls: each row names tests that exist, or says why there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.named_tests import LINK, missing, rows_of

ROOT = Path(__file__).resolve().parents[2]
CONTROLS = ROOT / "docs" / "security-controls.md"
THREATS = ROOT / "docs" / "threat-model.md"
WHO = ("producer", "answer of Braze", "leaked key", "compromised broker", "curious operator")

_REASON = re.compile(r"Not shown: .{20,}")
ROWS = [(page.stem, cells) for page in (CONTROLS, THREATS) for cells in rows_of(page)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1][0][:40]}")
def test_a_row_has_tests_that_exist_or_says_why_not(row: tuple[str, list[str]]) -> None:
    shown = row[1][-1]

    assert missing(shown) == []
    assert LINK.search(shown) or _REASON.fullmatch(shown)
    rest = LINK.sub("", shown).strip(" ,")
    assert not rest or _REASON.fullmatch(rest), f"not understood: {rest!r}"


def test_every_attacker_has_a_section_with_threats() -> None:
    sections = THREATS.read_text(encoding="utf-8").split("\n## ")[1:]
    of = {section.splitlines()[0]: section for section in sections}

    for who in WHO:
        [heading] = [heading for heading in of if who in heading]
        assert of[heading].count("\n| ") > 4, heading


def test_every_test_of_the_controls_is_on_the_page() -> None:
    """A file of `tests/security` that no control names is a control that nobody wrote down."""
    named = {path for path, _, _ in LINK.findall(CONTROLS.read_text(encoding="utf-8"))}
    files = {f"security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}

    assert len(files) >= 10
    assert files - named == set()


def test_what_is_missing_is_missed() -> None:
    text = "[`unit/test_x.py::test_y`](../tests/unit/test_x.py)"

    assert missing(text) == ["unit/test_x.py::test_y"]
