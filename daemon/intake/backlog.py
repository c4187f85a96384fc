"""A backlog that is being read: for a moment its windows gather instead of leaving.

What is far behind the log's end is old already; the rest of it often changes the same members
again, or fills the requests. So the first seconds of a backlog are read before anything leaves.
Never for longer: what is left then leaves beside the reading, as the budget allows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from daemon.core.model import Partition
from daemon.core.tenure import Tenure
from daemon.kafka.records import ConsumerPort

# As many offsets before the log's end a partition has a backlog; less is read in a few turns.
FAR: Final = 10_000

# For at most so long, once a backlog.
GATHER_S: Final = 5.0


class Backlog:
    """Whether windows had better gather now. A backlog ends where no partition is far behind."""

    def __init__(self, consumer: ConsumerPort) -> None:
        self._consumer = consumer
        self._since_s: float | None = None

    def gathers(
        self, tenures: Mapping[Partition, Tenure], parked: Collection[Partition], now_s: float
    ) -> bool:
        """Tell whether what is gathered should wait for more; what is parked is not read on."""
        if not any(self._is_far(p, t) for p, t in tenures.items() if p not in parked):
            self._since_s = None
            return False
        if self._since_s is None:
            self._since_s = now_s
        return now_s - self._since_s < GATHER_S

    def _is_far(self, partition: Partition, tenure: Tenure) -> bool:
        end = self._consumer.end_offset(partition)
        return end is not None and end - tenure.position > FAR
