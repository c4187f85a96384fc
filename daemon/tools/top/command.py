"""The command itself: ask, draw, and ask again until the person has seen enough."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from daemon.tools.top.status import NoStatus, Source
from daemon.tools.top.view import Rates, draw, lost

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
_REMEMBERED: Final = 200  # Seconds of the chart.


@dataclass(frozen=True, slots=True)
class TopOptions:
    """What the command's options said."""

    url: str
    every_s: float = 1.0
    once: bool = False


class Pace:
    """Turns counters that only grow into what went on a second."""

    def __init__(self) -> None:
        self._before: tuple[float, Mapping[str, int]] | None = None
        self._delivered: deque[float] = deque(maxlen=_REMEMBERED)

    def take(self, status: Mapping[str, Any]) -> Rates:
        """Take in a status; a daemon that started anew begins anew."""
        now_s, counters = float(status["uptime_s"]), status["counters"]
        before, self._before = self._before, (now_s, counters)
        if before is None or now_s <= before[0]:
            return Rates(delivered=tuple(self._delivered))
        then_s, then = before

        def rate(*names: str) -> float:
            grown = sum(int(counters[name]) - then[name] for name in names)
            return grown / (now_s - then_s)

        self._delivered.append(rate("delivered_adds", "delivered_removes"))
        return Rates(rate("records_read"), tuple(self._delivered), rate("requests"))


def run(options: TopOptions) -> int:
    """Show the status until interrupted, or once where nobody watches; 1 where nobody answers."""
    console = Console()
    source, pace = Source(options.url), Pace()
    try:
        if options.once or not console.is_terminal:
            return _show_once(console, source)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                try:
                    status = source.ask()
                    picture = draw(status, pace.take(status), console.width, console.height)
                except NoStatus as why:
                    picture = lost(source.url, str(why))
                live.update(picture, refresh=True)
                time.sleep(options.every_s)
    except KeyboardInterrupt:
        return EXIT_OK
    finally:
        source.close()


def _show_once(console: Console, source: Source) -> int:
    try:
        status = source.ask()
    except NoStatus as why:
        console.print(lost(source.url, str(why)), soft_wrap=True)
        return EXIT_FAILED
    console.print(draw(status, Rates(), console.width, 1_000))
    return EXIT_OK
