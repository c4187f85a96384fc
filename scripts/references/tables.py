"""Markdown tables, as the hand-written pages have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

DASH = "\N{EN DASH}"  # An empty cell.
MADE_BY = "Made from the code by `make references`; a test fails when they differ."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a cell is Markdown, in which a bar may stand."""
    lines = [_line(head), "|" + "---|" * len(head)]
    lines += [_line(row) for row in rows]
    return "\n".join(lines)


def code_list(names: Iterable[str]) -> str:
    """Return names as code, with commas between; a dash where there are none."""
    return ", ".join(f"`{name}`" for name in names) or DASH


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
