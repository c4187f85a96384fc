"""What the intake is given of the world: a consumer, a line to the sender, a clock, counters."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from daemon.core.line import Line
from daemon.core.model import Partition
from daemon.core.outlook import Outlook
from daemon.intake.schema_holds import Registry
from daemon.kafka.records import ConsumerPort, Survey, Surveys
from daemon.metrics import Metrics


class NoSurveys:
    """For who has no need of any: the brokers are never asked beside the reading."""

    latest: Survey | None = None

    def hurry(self) -> None:
        """There is none to make."""

    def own(self, partitions: frozenset[Partition]) -> None:
        """There is nobody to ask."""


class Ports(msgspec.Struct, frozen=True):
    """All of it, real or simulated. The clock goes on while the machine is suspended."""

    consumer: ConsumerPort
    line: Line
    clock: Callable[[], float]
    metrics: Metrics
    beat: Callable[[], None] = lambda: None  # Told in every turn and inside long waits: it lives.
    surveys: Surveys = msgspec.field(default_factory=NoSurveys)
    registry: Registry | None = None  # Where writers' schemas are known.
    outlook: Callable[[], Outlook] | None = None  # When the sending side may start something.
