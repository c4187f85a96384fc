"""What the intake is given of the world: a consumer, a line to the sender, a clock, counters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from daemon.core.line import Line
from daemon.kafka.records import ConsumerPort
from daemon.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Ports:
    """All of it, real or simulated. The clock goes on while the machine is suspended."""

    consumer: ConsumerPort
    line: Line
    clock: Callable[[], float]
    metrics: Metrics
    beat: Callable[[], None] = lambda: None  # Told in every turn and inside long waits: it lives.
