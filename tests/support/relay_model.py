"""What an obvious model of the relay remembers: the log, and each ownership of a partition."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

from daemon.core.tenure import Start

# Offset, cohort, member, add.
Log: TypeAlias = list[tuple[int, str, str, bool]]


@dataclass
class Owned:
    """What the model knows of one ownership of a partition."""

    start: Start
    position: int
    barrier_to: float
    committed: int
    acknowledged: int = -1
    asked: int = 0
    unsettled_until_s: float = -math.inf
    done_below: dict[tuple[str, str], int] = field(default_factory=dict)
    tickets: set[int] = field(default_factory=set)  # Of lanes that were sealed from it.


def last_of(log: Log, cohort: str, member: str, below: int) -> tuple[int, bool]:
    """Return the last change of a member of a cohort before an offset, and where it is."""
    return max(
        (offset, add) for offset, c, m, add in log if (c, m) == (cohort, member) and offset < below
    )
