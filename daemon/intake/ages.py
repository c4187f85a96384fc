"""When what is not yet committed was written, as well as a few marks in each log tell.

It owns the marks. It knows Kafka's own timestamps and our clock, and no time of an event's.
"""

from __future__ import annotations

import math
from collections import deque

from daemon.core.model import Partition
from daemon.kafka.records import Run

# Of the runs of a partition at most one in this time makes a mark.
EVERY_S = 1.0

# So many marks a partition are kept: with more every second one goes, and the rest tells less.
MARKS_MAX = 512


class Ages:
    """Marks of each partition: an offset, and when what stands there was written, in Unix time.

    A run's first record makes one; so does the end of a log that is read up to there, for whatever
    comes behind it is written later. What is not committed stands behind the last mark that the
    commit has reached, and is as old as that at most.
    """

    def __init__(self) -> None:
        self._marks: dict[Partition, deque[tuple[int, float]]] = {}
        self._next_s: dict[Partition, float] = {}

    def read(self, run: Run, now_s: float) -> None:
        """Take in a run; this is called for every one of them."""
        if now_s < self._next_s.get(run.partition, -math.inf):
            return
        kind, timestamp_ms = run.records[0].timestamp()
        if kind:
            self._next_s[run.partition] = now_s + EVERY_S
            self._mark(run.partition, run.first_offset, timestamp_ms / 1000)

    def reached_end(self, partition: Partition, position: int, unix_s: float) -> None:
        """At this time the log had nothing from this offset on."""
        self._mark(partition, position, unix_s)

    def written_s(self, partition: Partition, committed: int) -> float | None:
        """Return a time before which nothing was written that is not committed, if one is known."""
        marks = self._marks.get(partition)
        if not marks:
            return None
        while len(marks) > 1 and marks[1][0] <= committed:
            marks.popleft()
        return marks[0][1]

    def forget(self, partition: Partition) -> None:
        """It is no longer ours."""
        self._marks.pop(partition, None)
        self._next_s.pop(partition, None)

    def _mark(self, partition: Partition, offset: int, unix_s: float) -> None:
        marks = self._marks.get(partition)
        if marks is None:
            marks = self._marks[partition] = deque()
        if marks and offset < marks[-1][0]:
            return  # It is read again, and what is known of it holds.
        if marks and offset == marks[-1][0]:
            marks.pop()
        marks.append((offset, unix_s))
        if len(marks) > MARKS_MAX:
            self._marks[partition] = deque(list(marks)[::2])
