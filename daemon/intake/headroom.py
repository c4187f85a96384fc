"""How long it is until Kafka may delete what is not yet committed."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from daemon.core.model import Partition
from daemon.intake.ages import Ages
from daemon.kafka.records import Survey

# A log's start moves by whole segments. Moves that follow each other sooner than this are one; so
# many are looked at, which is some hours where each look of Kafka's at the log deletes one.
MOVE_S = 300.0
MOVES_MAX = 24


class Seen(NamedTuple):
    """Of one partition; None is not known."""

    log_start: int | None = None
    headroom_s: float | None = None


class Headroom:
    """Puts together what the surveys tell of the logs and how old their records are.

    By age, the first record not committed has what is left of the topic's retention. Where size
    limits the log, or nobody may read its settings, its start gets there at the pace that it had.
    The smaller of what is known counts.
    """

    def __init__(self, ages: Ages) -> None:
        self._ages = ages
        self._survey: Survey | None = None
        self._paces: dict[Partition, Pace] = {}

    def follow(self, survey: Survey | None, owned: AbstractSet[Partition]) -> None:
        """Take in the last survey, and forget what is not owned."""
        if survey is None or survey is self._survey:
            return
        self._survey = survey
        self._paces = {p: pace for p, pace in self._paces.items() if p in owned}
        for partition, start in survey.log_starts.items():
            if partition in owned:
                self._paces.setdefault(partition, Pace()).saw(start, survey.asked_at_s)

    def of(self, partition: Partition, committed: int | None, now_s: float, unix_s: float) -> Seen:
        """Return where its log begins, and the seconds until what is not committed may go."""
        if self._survey is None:
            return Seen()
        start = self._survey.log_starts.get(partition)
        if committed is None:
            return Seen(start)
        if start is not None and start > committed:
            return Seen(start, 0.0)
        known: list[float] = []
        kept = self._survey.kept.get(partition.topic)
        written_s = self._ages.written_s(partition, committed)
        if kept is not None and written_s is not None and not math.isinf(kept.age_s):
            known.append(time_left_s(kept.age_s, unix_s - written_s))
        if kept is None or kept.by_size:
            pace = self._paces.get(partition)
            per_s = pace.per_s(now_s) if pace is not None else None
            if start is not None and per_s:
                known.append((committed - start) / per_s)
        elif math.isinf(kept.age_s):
            known.append(math.inf)
        return Seen(start, min(known, default=None))


def time_left_s(kept_s: float, age_s: float) -> float:
    """Return what is left of a retention; clocks that differ leave no more than the whole of it."""
    return min(kept_s, max(0.0, kept_s - age_s))


class Pace:
    """How fast the start of a log moves, from one move to another: before the second nobody knows.

    The first is not measured from where it was met, which may be shortly before a large segment
    goes. When it has stood still for longer than it was seen to move, it is that much slower.
    """

    def __init__(self) -> None:
        self._at: int | None = None
        self._moves: deque[tuple[float, int]] = deque(maxlen=MOVES_MAX)

    def saw(self, start: int, now_s: float) -> None:
        """The log began here."""
        if self._at is None or start < self._at:  # Met first, or made anew.
            self._at = start
            self._moves.clear()
        elif start > self._at and (not self._moves or now_s - self._moves[-1][0] >= MOVE_S):
            self._at = start
            self._moves.append((now_s, start))

    def per_s(self, now_s: float) -> float | None:
        """Return offsets a second, None where that is not known."""
        if len(self._moves) < 2:  # noqa: PLR2004  From one to another.
            return None
        (first_s, first), (last_s, last) = self._moves[0], self._moves[-1]
        return (last - first) / max(last_s - first_s, now_s - last_s)
