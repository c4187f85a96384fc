"""One picture of the running demo, as numbers: what the screens draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Phase(Enum):
    """The acts of the demo, in order; the value is what the screen calls them."""

    START = "start"
    STREAM = "stream"
    KILL = "kill -9"
    RESTART = "restart"
    CATCH_UP = "catch up"
    STOP = "stop"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class CohortFrame:
    """One cohort now. `differing` members are in the log and not yet at Braze, or the reverse."""

    id: str
    name: str
    in_log: int
    at_braze: int
    differing: int
    pending: int | None  # As the daemon says; None while it says nothing.
    adds: int
    removes: int
    requests: int
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything now. `day` is the simulated time as a share of the day."""

    phase: Phase
    elapsed_s: float
    day: float
    produced: int
    in_log: int
    read: int | None  # How far a daemon has read; None while nobody knows.
    requests: int
    retries: int
    pid: int | None
    summary: str  # The daemon's own sentence; empty while it says nothing.
    exit_code: int | None = None  # Of the daemon, once it was stopped.
    outcomes: Mapping[str, int] = field(default_factory=dict)
    cohorts: tuple[CohortFrame, ...] = ()
    over: bool = False  # Every phase has been done.
    story: tuple[tuple[float, str], ...] = ()  # When, and what, in rich's markup.

    @property
    def clock(self) -> str:
        """The simulated time of day."""
        minutes = min(int(self.day * 24 * 60), 24 * 60 - 1)
        return f"{minutes // 60:02}:{minutes % 60:02}"

    @property
    def pending(self) -> int:
        """Changes the daemon has read and Braze has not accepted yet."""
        return sum(row.pending or 0 for row in self.cohorts)

    @property
    def sentence(self) -> str:
        """What the daemon says, or what is known of it."""
        if self.summary:
            return self.summary
        if self.exit_code is not None:
            return f"Stopped, with exit code {self.exit_code}."
        return "Dead." if self.pid is None else "Starting."


def seconds(value: float | None) -> str:
    """Return a latency as a person reads it."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
