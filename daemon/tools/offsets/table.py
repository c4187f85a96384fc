"""How positions are shown: a table on a terminal, columns with spaces between anywhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rich.console import Console

from daemon.config.document import one_line
from daemon.core.intent import TO_THE_END
from daemon.tools.offsets.position import Position
from daemon.tools.table import print_columns

_NUMBERS: Final = ("offset", "log start", "log end", "lag", "sent to")
COLUMNS: Final = ("partition", *_NUMBERS, "mark", "belongs to", "standing")
_NONE: Final = "-"
_GOES_ON: Final = "goes on"


def print_table(console: Console, positions: Sequence[Position], fingerprint: str) -> None:
    """Print a line for each position; on a terminal those that do not go on stand out."""
    rows = [row(position, fingerprint) for position in positions]
    odd: Callable[[Sequence[str]], bool] = lambda cells: cells[-1] != _GOES_ON  # noqa: E731
    print_columns(COLUMNS, rows, _NUMBERS, odd=odd, console=console)


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
