"""The backlog a daemon finds when it starts: for a moment its windows gather instead of leaving.

What is far behind the log's end is old already; the rest of it often changes the same members
again, or fills the requests. So the first seconds of it are read before anything leaves. Never
for longer, and never again: what is left leaves beside the reading, as the budget allows, and
later on a partition that falls behind must not make its neighbours wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from daemon.core.model import Partition
from daemon.core.tenure import Tenure
from daemon.kafka.records import ConsumerPort

# As many offsets before the log's end a partition has a backlog; less is read in a few turns.
FAR: Final = 10_000

GATHER_S: Final = 5.0


class Backlog:
    """Whether windows had better gather now; over for good once no partition is far behind."""

    def __init__(self, consumer: ConsumerPort) -> None:
        self._consumer = consumer
        self._since_s: float | None = None
        self._over = False

    def gathers(
        self, tenures: Mapping[Partition, Tenure], parked: Collection[Partition], now_s: float
    ) -> bool:
        """Tell whether what is gathered should wait for more; what is parked is not read on."""
        if self._over:
            return False
        left = [self._left(p, tenure) for p, tenure in tenures.items() if p not in parked]
        if any(offsets is not None and offsets > FAR for offsets in left):
            if self._since_s is None:
                self._since_s = now_s
            self._over = now_s - self._since_s >= GATHER_S
            return not self._over
        self._over = bool(left) and None not in left
        return False

    def _left(self, partition: Partition, tenure: Tenure) -> int | None:
        """Return the offsets left to read; None while nobody has told the log's end."""
        end = self._consumer.end_offset(partition)
        return None if end is None else end - tenure.position
