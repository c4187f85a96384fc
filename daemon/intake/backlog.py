"""The backlog a daemon finds when it starts: its windows gather until it has been read.

What is far behind the log's end is old already; the rest of it often changes the same members
again, or fills the requests. So it is read to the ends that were seen first, before anything
leaves: to stop a little earlier would send every cohort twice. Not where memory has no room for
it, never for longer than a moment, and never again: what is left leaves beside the reading, as
the budget allows, and later on a partition that falls behind must not make its neighbours wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from daemon.core.model import Partition
from daemon.core.tenure import Tenure
from daemon.kafka.records import ConsumerPort

# As many offsets before the log's end a partition has a backlog; less is read in a few turns.
FAR: Final = 10_000

# Time to read some millions of records. Whoever was removed in them stays that much longer, and
# as long as this nothing is sent: 600 requests of an hour's 250,000, if the rest needs them all.
GATHER_S: Final = 10.0


class Backlog:
    """Whether windows had better gather now; over for good once what was found has been read.

    `told` are the offsets at which the client last told that there is no more: behind an open
    transaction a log goes on, and can't be read on.
    """

    def __init__(self, consumer: ConsumerPort, told: Mapping[Partition, int]) -> None:
        self._consumer = consumer
        self._told = told
        self._ends: dict[Partition, int] = {}
        self._until_s: float | None = None
        self._over = False

    def gathers(
        self,
        tenures: Mapping[Partition, Tenure],
        parked: Collection[Partition],
        now_s: float,
        *,
        full: bool,
    ) -> bool:
        """Tell whether what is gathered should wait for more; what is parked is not read on.

        `full`: memory has no room for more of all, or of some partition.
        """
        if self._over:
            return False
        left = [self._left(p, tenure) for p, tenure in tenures.items() if p not in parked]
        most = max((offsets for offsets in left if offsets is not None), default=0)
        if self._until_s is None and most > FAR:
            self._until_s = now_s + GATHER_S
        if self._until_s is not None and most > 0:
            self._over = full or now_s >= self._until_s
            return not self._over
        self._over = bool(left) and None not in left
        return False

    def _left(self, partition: Partition, tenure: Tenure) -> int | None:
        """Return the offsets left to read; None while nobody has told the log's end."""
        end = self._ends.get(partition)
        if end is None:
            end = self._consumer.end_offset(partition)
            if end is None:
                return None
            self._ends[partition] = end
        return min(end, self._told.get(partition, end)) - tenure.position
