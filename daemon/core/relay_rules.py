"""What a relay is held to, and what it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from daemon.core.queue import WindowRules


@dataclass(frozen=True, slots=True)
class RelayRules:
    """Durations in seconds."""

    windows: WindowRules = field(default_factory=WindowRules)
    names: Mapping[str, str] = field(default_factory=dict)  # Names a person gave to cohorts.
    pending_max: int = 1_000_000
    fingerprint: str = ""
    removal_delay_s: float = 0.0  # How long a removal waits for an add that cancels it.


@dataclass(slots=True)
class Tally:
    """Counts since the start, for metrics."""

    superseded: int = 0
    disagreements: int = 0
