"""Windows, ledgers and in-flight flushes as one state machine: the only one the intake talks to.

It upholds rules 1 to 5 of the architecture. Illegal calls are bugs of the caller: they assert
and change nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

from daemon.core.delayed import Batch, DelayedRemovals, Kept, merge_batch
from daemon.core.intent import Intent
from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Flush, Lane, Merged, Outcome, Partition
from daemon.core.pressure import Load, Pressure, barrier_to_open
from daemon.core.queue import WindowQueue
from daemon.core.relay_rules import RelayRules, Tally
from daemon.core.settling import Settling
from daemon.core.tenure import Start, Tenure
from daemon.core.turn import Turn
from daemon.core.window import OpenLane, Window, cost_of, merge


class Relay:
    """Gathers changes by cohort, hands out flushes, and knows what may be committed.

    Every change absorbed is in an open window, or in a flush until that flush is complete, and
    its lane holds its partition's ledger that long; so what may be committed needs no
    bookkeeping per record. At most one flush of a cohort is in flight, so no member is ever in
    two requests at once.
    """

    def __init__(self, rules: RelayRules, lease: Lease) -> None:
        self.tally = Tally()
        self.lease = lease
        self._rules = rules
        self._tenures: dict[Partition, Tenure] = {}
        self._queue = WindowQueue(rules.windows)
        self.delayed = DelayedRemovals(rules.removal_delay_s)
        self._names: dict[str, str] = {}
        self._flights: dict[int, Flush] = {}
        self._flight_of: dict[str, int] = {}
        self._flight_load = Load()
        self._settling = Settling()
        self._ids = itertools.count(1)
        self._pressure = Pressure(rules.pending_max)

    # What is owned.

    @property
    def tenures(self) -> Mapping[Partition, Tenure]:
        """The partitions we own."""
        return self._tenures

    def assign(self, starts: Mapping[Partition, Start]) -> None:
        """Start owning. What was owned before must have been given up."""
        assert self._tenures.keys().isdisjoint(starts), starts
        for partition, start in starts.items():
            self._tenures[partition] = Tenure(partition, start, self._rules.fingerprint)

    def give_up(self, partition: Partition) -> None:
        """Stop owning and drop its lanes. No attempt carrying its changes starts after this."""
        self._tenures.pop(partition, None)
        self._queue.drop(partition)
        self.delayed.take_of([partition])
        self._weigh()

    def flushes_touching(self, partitions: Iterable[Partition]) -> list[int]:
        """Return the ids of the flushes in flight with a lane of one of these partitions."""
        wanted = set(partitions)
        return [
            flush.id
            for flush in self._flights.values()
            if any(lane.partition in wanted for lane in flush.lanes)
        ]

    # What comes in.

    def absorb(self, run: ChangeSet, now_s: float, since_s: float = math.inf) -> bool:
        """Merge into windows; what is opened counts from `since_s`, when its changes began to come.

        False, and nothing happens, for a partition we do not own.
        """
        partition, queue = run.partition, self._queue
        tenure = self._tenures.get(partition)
        if tenure is None:
            return False
        assert run.first_offset >= tenure.position, (run.first_offset, tenure.position)
        self._names.update(run.names)
        grown, opened_at_s = 0, min(now_s, since_s)
        whole = partition if tenure.barrier_to is not None else None
        kept = Kept(run.changes)
        if self._rules.removal_delay_s:
            kept = self.delayed.keep(run, tenure.ledger, queue, now_s)
        for cohort, changes in kept.at_once.items():
            window = queue.gather(cohort, opened_at_s, whole)
            lane = window.lanes.get(partition)
            if lane is None:
                ticket = tenure.ledger.hold(run.first_offset, run.leader_epoch)
                lane = queue.open_lane(window, run, ticket, opened_at_s)
            lane.top = run.next_offset
            grown += queue.grow(window, lane, changes)
            for batch, ticket in kept.ended.get(cohort, ()):
                batch.hand_over(lane, tenure.ledger, [ticket])
        queue.load.add(partition, grown)
        self.tally.superseded += run.count - grown - kept.waiting_more
        tenure.advance(run.next_offset, run.leader_epoch)
        self._weigh()
        return True

    def _gather_delayed(self, batches: Iterable[Batch], now_s: float) -> None:
        for each in batches:
            grown = merge_batch(each, self._queue, self._tenures[each.partition], now_s)
            self.tally.superseded += len(each.tickets) - grown

    def hold(self, partition: Partition, floor: int) -> int:
        """Hold an owned partition for something else than a change, such as a dead letter."""
        return self._tenures[partition].ledger.hold(floor)

    def release(self, partition: Partition, ticket: int) -> None:
        """End such a hold. Does nothing when the partition has been given up since."""
        if tenure := self._tenures.get(partition):
            tenure.ledger.release(ticket)

    def advance(self, partition: Partition, position: int) -> None:
        """The consumer has read up to here, past control records too; a stale word is nothing."""
        tenure = self._tenures.get(partition)
        if tenure is not None and position > tenure.position:
            tenure.advance(position)

    def saw_end(self, partition: Partition, end: int) -> None:
        """A fetch has shown where the log ends."""
        if tenure := self._tenures.get(partition):
            tenure.saw_end_of_log(end)

    def reached_end(self, partition: Partition) -> None:
        """All there is has been absorbed, so nothing of a replay is missing."""
        if tenure := self._tenures.get(partition):
            tenure.open_barrier()

    # What goes out.

    def seal(self, now_s: float, *, capacity: int, drain: bool = False) -> list[Flush]:
        """Close windows that are due, then those that would make room, while there is capacity."""
        self._settling.forget(now_s)  # Whom it names may be of a partition that was given up.
        if self.delayed:  # Memory and a stop are worth more than a flap.
            until_s = math.inf if drain or self.saturated else now_s
            self._gather_delayed(self.delayed.take_due(until_s), now_s)
            self._gather_delayed(self.delayed.take_of(self.crowding), now_s)
        if capacity <= 0 or not self.lease.fresh(now_s):
            return []
        due = self._queue.due(now_s, everything=drain or self.saturated)
        windows = itertools.chain(due, self._queue.heads_of(self.crowding))
        flushes = (f for w in windows if (f := self._seal_window(w, now_s)) is not None)
        return list(itertools.islice(flushes, capacity))

    def seal_partitions(self, partitions: Iterable[Partition], now_s: float) -> list[Flush]:
        """Close the windows with a lane of these partitions, whatever their age."""
        if not self.lease.fresh(now_s):
            return []
        wanted = set(partitions)
        self._gather_delayed(self.delayed.take_of(wanted), now_s)
        heads = self._queue.heads_of(wanted)
        return [f for w in heads if (f := self._seal_window(w, now_s)) is not None]

    def _seal_window(self, window: Window, now_s: float) -> Flush | None:
        if window.cohort in self._flight_of or now_s < window.held_until_s:
            return None
        if not (ready := self._ready(window, now_s)):
            return None
        changes, disagreements = merge(ready)
        held_until_s = self._settling.held_until_s(window.cohort, changes, now_s)
        if held_until_s > now_s:
            window.held_until_s = held_until_s
            return None
        self.tally.disagreements += disagreements
        turn = self._queue.turn_of(window)
        lanes = self._queue.take(window, [lane.partition for lane in ready], now_s)
        return self._launch(window.cohort, lanes, changes, turn)

    def _ready(self, window: Window, now_s: float) -> list[OpenLane]:
        lanes = window.lanes.values()
        return [e for e in lanes if self._tenures[e.partition].may_seal(e.top, now_s)]

    def _launch(self, cohort: str, lanes: tuple[Lane, ...], changes: Merged, turn: Turn) -> Flush:
        name = self._rules.names.get(cohort) or self._names.get(cohort) or cohort
        opened_at_s = min(lane.opened_at_s for lane in lanes)
        flush = Flush(next(self._ids), cohort, name, lanes, changes, opened_at_s, turn)
        self._flights[flush.id] = flush
        self._flight_of[cohort] = flush.id
        for lane in lanes:
            self._flight_load.add(lane.partition, cost_of(lane))
        self._weigh()
        return flush

    def complete(self, outcome: Outcome, now_s: float) -> None:
        """A flush has ended: release its holds, and put back what an abandoned one has left."""
        flush = self._flights.pop(outcome.flush_id)
        del self._flight_of[flush.cohort]
        self._settling.add(flush.cohort, outcome.listed, now_s)
        for lane in flush.lanes:
            self._flight_load.add(lane.partition, -cost_of(lane))
            tenure = self._tenures.get(lane.partition)
            if tenure is None:
                continue
            for listed in outcome.listed:  # Ours again is as unsettled as ours still.
                tenure.settle_until(listed.until_s)
            if not tenure.ledger.holds(lane.ticket):
                continue  # Given up since: its next owner replays it.
            if (ticket := self._put_back(flush.cohort, lane, outcome.left, now_s)) is not None:
                tenure.ledger.release(ticket)
        self._weigh()

    def _put_back(self, cohort: str, lane: Lane, left: Changes, now_s: float) -> int | None:
        """Return the hold that has become needless: the lane's own, where nothing is left of it."""
        if not left:
            return lane.ticket
        mine = {m: add for m, add in lane.changes.items() if left.get(m) is add}
        # What has not left yet is replaced at once, as when a removal comes.
        self._gather_delayed(self.delayed.take_newer(lane.partition, cohort, mine), now_s)
        return self._queue.put_back(cohort, lane, mine) if mine else lane.ticket

    # What is committed.

    def intents(
        self, partitions: Iterable[Partition], now_s: float, *, last: bool = False
    ) -> list[Intent]:
        """Return what to commit now for these partitions, as far as we own them."""
        return [self._tenures[p].intent(now_s, last=last) for p in partitions if p in self._tenures]

    def acknowledge(self, intents: Iterable[Intent], sent_at_s: float) -> None:
        """Renew the lease with a commit the broker took, and let what it covers leave."""
        for intent in intents:
            self.lease.renew(sent_at_s)
            if tenure := self._tenures.get(intent.partition):
                tenure.acknowledge(intent.mark.sent_to)

    # Back-pressure.

    @property
    def pending(self) -> int:
        """Changes in open windows and in flight, lanes weighed in: the measure of back-pressure."""
        return self._queue.load.total + self._flight_load.total + self.delayed.load.total

    @property
    def in_flight(self) -> Mapping[int, Flush]:
        """The flushes handed out and not complete, by id."""
        return self._flights

    @property
    def saturated(self) -> bool:
        """True from the high-water mark until the low one, half of it."""
        return self._pressure.saturated

    @property
    def crowding(self) -> frozenset[Partition]:
        """Those who hold so much that the others would soon have no room; empty if all do."""
        return self._pressure.crowding(self._tenures)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is in flight."""
        return not self.pending

    def to_pause(self) -> set[Partition]:
        """Return what must not be read on; see `Pressure`."""
        return self._pressure.to_pause(self.pending, self._tenures)

    def relieve(self, parked: Iterable[Partition] = (), *, held: bool = False) -> Partition | None:
        """Open the oldest barrier where lanes behind barriers alone fill the memory.

        `held`: what is in flight does not end, so it fills the memory with them, and so does what
        waits behind it. `parked` grow no more: where all barriers are theirs, what keeps the
        others paused fills it.
        """
        filling = self._queue.load.total if self._flights and not held else self.pending
        barred = [p for p, tenure in self._tenures.items() if tenure.barrier_to is not None]
        if not self._pressure.is_full(filling, growing=not set(barred).issubset(parked)):
            return None
        stuck = self._flight_of if held else ()
        opened = barrier_to_open(barred, list(self._queue.heads()), stuck)
        if opened is not None:
            self._tenures[opened].open_barrier()
        return opened

    def _weigh(self) -> None:
        waiting = (self._queue.load, self.delayed.load)
        self._pressure.update(waiting, self._flight_load, self._tenures)

    def waiting(self) -> Iterable[Window]:
        """Yield the open windows, for those who show them."""
        return self._queue.windows()

    def with_more_to_send(self, flush_ids: Iterable[int], now_s: float) -> list[int]:
        """Return those flushes whose cohort has gathered more that may leave."""
        ids = {self._flights[i].cohort: i for i in flush_ids if i in self._flights}
        heads = (w for w in self._queue.heads() if w.cohort in ids)
        return [ids[w.cohort] for w in heads if self._ready(w, now_s)]
