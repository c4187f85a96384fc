"""What a demo is told, and the times that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

# The mock cluster keeps about 5 MB a partition: what is produced stays far below, so that the log
# can be read again from its first record.
EVENTS_MAX = 24_000
EVENTS_A_SECOND = 600


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """`seconds` is how long events flow; the whole demo takes about 20 s more."""

    seconds: int = 20
    faults: bool = False
    tamper: bool = False
    seed: int = 7
    record: Path | None = None  # Where a picture of the terminal goes, as SVG.

    @property
    def changes(self) -> int:
        """How many live changes the day has, about."""
        return min(EVENTS_A_SECOND * self.seconds, EVENTS_MAX)
