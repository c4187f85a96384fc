"""Rows as aligned columns: a table on a terminal, names and spaces anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_columns(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Collection[str] = (),
    *,
    odd: Callable[[Sequence[str]], bool] = lambda _: False,
    console: Console | None = None,
) -> None:
    """Print the rows under their names; those in `right` are flush with the right edge.

    On a terminal the `odd` rows stand out.
    """
    console = console or Console()
    if not console.is_terminal:
        for line in plain_lines(names, rows):
            print(line)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    table.columns[-1].no_wrap = False
    for cells in rows:
        style = "yellow" if odd(cells) else ""
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)


def plain_lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines, the names first; no cell but the last should have a space in it."""
    every = [[name.replace(" ", "_") for name in names], *map(list, rows)]
    widths = [max(len(cells[at]) for cells in every) for at in range(len(names))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in every
    ]
