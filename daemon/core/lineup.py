"""Which flushes may send now, which wait for their time, and which are under suspicion."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from daemon.core.health import HOLD_PROBE_S, OUTAGE_TROUBLES
from daemon.core.sender import Sender

# One slot in so many is promised to those whose turn is next.
PROMISED_PART = 8

# Where both wait, so many flushes have their turn for each request beyond one. With 4 the largest
# of hundreds of live cohorts are later, with 2 all live ones beside a backlog (`make bench
# ARGS=--turns`).
FIRSTS_A_MORE = 3


class Lineup:
    """Every flush on its way, each in its place.

    A flush is ready (something to send, now), waits (for its backoff, or to try a culprit
    again), or has everything on the wire; entries of the heap may be old, so a flush is looked at
    anew when its time comes.

    Ready ones go as their cohorts' turns come. A turn is one request: whatever a flush has beyond
    it comes after the turns of others, and has one request in four of those where both wait. So
    large cohorts, however many, take a quarter from the small ones at most; and a cohort that is
    only busy gets rid of what it gathers, since its requests are full and those of others are not.
    """

    def __init__(self) -> None:
        self._senders: dict[int, Sender] = {}
        self._ready: dict[int, Sender] = {}
        self._suspects: dict[int, Sender] = {}
        self._waiting: list[tuple[float, int]] = []
        self._firsts = 0  # Turns since the last request beyond one.

    @property
    def senders(self) -> Mapping[int, Sender]:
        """All of them, by flush id."""
        return self._senders

    @property
    def ready(self) -> Mapping[int, Sender]:
        """Those with something to send now."""
        return self._ready

    @property
    def suspects(self) -> Mapping[int, Sender]:
        """Those with a part that was refused alone."""
        return self._suspects

    @property
    def fresh(self) -> bool:
        """Tell whether one is ready that was never tried."""
        return any(not sender.tried for sender in self._ready.values())

    def add(self, sender: Sender) -> None:
        """Take a new flush; it is ready."""
        flush_id = sender.flush.id
        assert flush_id not in self._senders, flush_id
        self._senders[flush_id] = self._ready[flush_id] = sender

    @property
    def first_turns(self) -> int:
        """How many are ready and have not had their turn."""
        return sum(not sender.had_turn for sender in self._ready.values())

    def promised(self, slots: int) -> int:
        """Return for how many slots that are not free yet windows should be sealed now.

        Flushes of many requests would take each that comes free before a window could.
        """
        any_large = any(sender.had_turn for sender in self._ready.values())
        return max(1, slots // PROMISED_PART) if any_large else 0

    def in_turn(self, now_s: float, *, fresh_first: bool) -> Iterator[Sender]:
        """Yield the ready ones; one may be sent from and then the walk must end."""
        senders = list(self._ready.values())
        if len(senders) > 1:
            beyond_first = self._firsts >= FIRSTS_A_MORE
            senders.sort(
                key=lambda s: (
                    fresh_first and s.tried,
                    s.had_turn is not beyond_first,
                    -s.turn.waited(now_s),
                )
            )
        return iter(senders)

    def sends(self, sender: Sender) -> None:
        """A request of it is about to be made: its turn, or one beyond it."""
        self._firsts = 0 if sender.had_turn else self._firsts + 1

    def had_turn(self, sender: Sender) -> None:
        """It has more to send, after all others that have waited as long."""
        if self._ready.pop(sender.flush.id, None) is not None:
            self._ready[sender.flush.id] = sender

    def sent_all(self, sender: Sender) -> None:
        """Nothing more of it is to send for now."""
        self._ready.pop(sender.flush.id, None)

    def place(self, sender: Sender, now_s: float) -> bool:
        """Put it where it belongs. True, and it is forgotten, when it has ended."""
        flush_id = sender.flush.id
        self._ready.pop(flush_id, None)
        self._suspects.pop(flush_id, None)
        if sender.done:
            del self._senders[flush_id]
            return True
        if sender.culprits:
            self._suspects[flush_id] = sender
        if sender.abandoned:
            return False
        if sender.todo and sender.not_before_s <= now_s:
            self._ready[flush_id] = sender
        elif sender.todo:
            heapq.heappush(self._waiting, (sender.not_before_s, flush_id))
        elif sender.culprits and not sender.wire:
            heapq.heappush(self._waiting, (_culprits_due_s(sender), flush_id))
        return False

    def end_backoffs(self, now_s: float) -> None:
        """Make ready who waits for an outage that is over; who has trouble of his own waits on."""
        for flush_id, sender in self._senders.items():
            if sender.trouble in OUTAGE_TROUBLES and sender.todo and not sender.waits_as_told:
                sender.not_before_s = min(sender.not_before_s, now_s)
                if not sender.abandoned:
                    self._ready.setdefault(flush_id, sender)

    def next_due_s(self) -> float | None:
        """Return when the next one that waits is due."""
        return self._waiting[0][0] if self._waiting else None

    def wake(self, now_s: float) -> None:
        """Make ready whose time has come. A culprit is tried again, and stays under suspicion."""
        while self._waiting and self._waiting[0][0] <= now_s:
            _, flush_id = heapq.heappop(self._waiting)
            sender = self._senders.get(flush_id)
            if sender is None or sender.abandoned:
                continue
            if sender.culprits and not sender.todo and not sender.wire:
                if _culprits_due_s(sender) > now_s:
                    continue  # An old entry; the one of this time is still to come.
                sender.retry_culprits(lambda c: c.refused_at_s + HOLD_PROBE_S <= now_s)
            if sender.todo and sender.not_before_s <= now_s:
                self._ready.setdefault(flush_id, sender)


def _culprits_due_s(sender: Sender) -> float:
    return max(sender.culprits[0].refused_at_s + HOLD_PROBE_S, sender.not_before_s)
