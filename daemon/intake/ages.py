"""When what is not yet committed was written, as well as a few marks in each log tell.

It owns the marks. It knows Kafka's own timestamps and our clock, and no time of an event's.
"""

from __future__ import annotations

import math
from collections import deque

from daemon.core.model import Partition
from daemon.kafka.records import Run

# Runs mark a partition at most once in this time, and so do ends of its log. Where commits stay
# away for long it is seldomer: with more marks than this every second one goes, and the next ones
# come half as often.
EVERY_S = 1.0
MARKS_MAX = 128


class Ages:
    """Marks of each partition: an offset, and when what stands there was written, in Unix time.

    A run's first record makes one; so does the end of a log that is read up to there, for whatever
    comes behind it is written later. What is not committed stands behind the last mark that the
    commit has reached, and is as old as that at most.
    """

    def __init__(self) -> None:
        self._logs: dict[Partition, _Log] = {}

    def read(self, run: Run, now_s: float) -> None:
        """Take in a run; this is called for every one of them."""
        log = self._logs.get(run.partition)
        if log is None:
            log = self._logs[run.partition] = _Log()
        if now_s < log.next_run_s:
            return
        kind, timestamp_ms = run.records[0].timestamp()
        if kind:
            log.mark(run.first_offset, timestamp_ms / 1000)
            log.next_run_s = now_s + log.every_s

    def reached_end(self, partition: Partition, position: int, unix_s: float, now_s: float) -> None:
        """At this Unix time the log had nothing from this offset on."""
        log = self._logs.setdefault(partition, _Log())
        if now_s >= log.next_end_s or position == log.marks[-1][0]:
            log.mark(position, unix_s)
            log.next_end_s = now_s + log.every_s

    def written_s(self, partition: Partition, committed: int) -> float | None:
        """Return a time before which nothing was written that is not committed, if one is known."""
        log = self._logs.get(partition)
        return log.written_s(committed) if log is not None else None

    def forget(self, partition: Partition) -> None:
        """It is no longer ours."""
        self._logs.pop(partition, None)


class _Log:
    """The marks of one partition; there is one wherever the next one is not due yet."""

    def __init__(self) -> None:
        self.marks: deque[tuple[int, float]] = deque()
        self.every_s = EVERY_S
        # A record may bear an older time than that at which it came behind the end, so the mark of
        # an end delays no run's.
        self.next_run_s = self.next_end_s = -math.inf

    def mark(self, offset: int, unix_s: float) -> None:
        marks = self.marks
        if marks and offset < marks[-1][0]:
            return  # It is read again, and what is known of it holds.
        if marks and offset == marks[-1][0]:
            marks.pop()
        marks.append((offset, unix_s))
        if len(marks) > MARKS_MAX:
            self.marks = deque(list(marks)[::2])
            self.every_s *= 2

    def written_s(self, committed: int) -> float | None:
        marks = self.marks
        if not marks:
            return None
        while len(marks) > 1 and marks[1][0] <= committed:
            marks.popleft()
        if len(marks) == 1 and self.every_s > EVERY_S:
            self.every_s = EVERY_S
            self.next_run_s = self.next_end_s = -math.inf
        return marks[0][1]
