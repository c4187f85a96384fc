"""How positions are shown: a table on a terminal, columns with spaces between anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemon.config.document import one_line
from daemon.core.intent import TO_THE_END
from daemon.tools.offsets.position import Position

_NUMBERS: Final = ("offset", "log start", "log end", "lag", "sent to")
COLUMNS: Final = ("partition", *_NUMBERS, "mark", "belongs to", "standing")
_NONE: Final = "-"
_GOES_ON: Final = "goes on"


def print_table(console: Console, positions: Sequence[Position], fingerprint: str) -> None:
    """Print a line for each position."""
    rows = [row(position, fingerprint) for position in positions]
    if not console.is_terminal:
        for line in plain_lines(rows):
            print(line)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    table.columns[-1].no_wrap = False
    for cells in rows:
        style = "" if cells[-1] == _GOES_ON else "yellow"
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)


def plain_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines, the names first; no cell but the last has a space in it."""
    every = [[name.replace(" ", "_") for name in COLUMNS], *map(list, rows)]
    widths = [max(len(cells[at]) for cells in every) for at in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in every
    ]


def row(position: Position, fingerprint: str) -> list[str]:
    """Return the cells of one position, in the order of `COLUMNS`."""
    mark = position.mark
    sent_to = state = belongs = _NONE
    if mark is not None:
        sent_to = "end" if mark.sent_to == TO_THE_END else str(mark.sent_to)
        state = "clean" if mark.clean else "open"
        belongs = _word(mark.fingerprint) if mark.fingerprint != fingerprint else "ours"
    elif position.committed is not None:
        belongs = "none"
    return [
        str(position.partition),
        _number(position.offset),
        str(position.low),
        str(position.high),
        _number(position.lag),
        sent_to,
        state,
        belongs,
        standing(position, fingerprint),
    ]


def standing(position: Position, fingerprint: str) -> str:
    """Return what the daemon would do with it."""
    if position.committed is None:
        return "no offset"
    if position.foreign(fingerprint) is not None:
        return "another destination's"
    parked = position.parked()
    return f"parked, {parked}" if parked else _GOES_ON


def _number(value: int | None) -> str:
    return _NONE if value is None else str(value)


def _word(text: str) -> str:
    """Return a stranger's text as one short cell."""
    return one_line(text.replace(" ", "?"), 16) or "none"
