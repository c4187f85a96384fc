"""The intake: one thread that reads, gathers, hands over, and commits what Braze has taken.

It owns the consumer and the relay. What it does in a turn is all in `turn`; every part of it has
a file of its own. Nothing here waits longer than a tick, but for the hand-over of partitions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from daemon.config.timing import REVOKE_MARGIN_S
from daemon.core.model import Partition
from daemon.core.outlook import Outlook, earliest_s
from daemon.core.relay import Relay
from daemon.formats.changes import HoldError
from daemon.formats.decode import Decoded, Decoder
from daemon.intake.backlog import Backlog
from daemon.intake.committer import Committer
from daemon.intake.handover import CONFIRM_S, Handover
from daemon.intake.letters import Letters, Ratio
from daemon.intake.ownership import Ownership
from daemon.intake.ports import Ports
from daemon.intake.schema_holds import SchemaHolds
from daemon.intake.session import GroupSession
from daemon.intake.standstill import Standstill
from daemon.intake.starts import Starts
from daemon.intake.ticks import TICK_S, Ticks
from daemon.kafka.records import PartitionFault, Reject, Run
from daemon.logs import FoldedLog, event, get_logger

# What is left of the time to stop after all waiting: for the last commit, and leaving the group.
LEAVE_S = 2.0


class IntakeRules(msgspec.Struct, frozen=True):
    """What the loop is held to; durations in seconds."""

    # Of larger polls the first records have left the processor's cache when they are decoded. Of
    # 10,000, 4,000, 2,000 and 1,000 the middle ones cost least for flat and hot logs (measured on a
    # busy machine); this lies between them.
    poll_max: int = 2_500
    tick_s: float = TICK_S
    request_s: float = 10.0
    max_reject_ratio: float = 0.5


class Intake:
    """The loop of the architecture's section 5.

    Everything that the world does to it comes through the consumer, the line and the clock, so a
    simulation drives the very same code.
    """

    def __init__(
        self,
        rules: IntakeRules,
        ports: Ports,
        relay: Relay,
        letters: Letters,
        starts: Starts,
        decoder_of: Callable[[str], Decoder],
    ) -> None:
        self.draining = False
        self.heard = 0  # Words of any kind from the brokers: that they change shows it works.
        self.heard_topics: set[str] = set()  # Those that were read from; emptied by who looks.
        self.surveys = ports.surveys
        self.consumed = 0
        self.rejected = 0
        self.relay = relay
        self.session = GroupSession(ports, relay.lease, rules.request_s)
        self.letters = letters
        self.schemas = SchemaHolds(ports.consumer, ports.registry)
        self.committer = Committer(ports, relay)
        self._handover = Handover(ports, relay, letters, self.committer, rules.request_s)
        revoke_s = rules.request_s + REVOKE_MARGIN_S  # Far below `max.poll.interval.ms`.
        self.ownership = Ownership(ports, relay, starts, self._handover, revoke_s)
        self.ends: dict[Partition, int] = {}  # Where the client last told that there is no more.
        self.ratio_exceeded = self.ownership.standing.rejecting  # Forgotten with the partition.
        self._rules = rules
        self._consumer = ports.consumer
        self._line = ports.line
        self._backlog = Backlog(ports.consumer, self.ends)
        self._clock = ports.clock
        self._metrics = ports.metrics
        self._decoder_of = decoder_of
        self._decoders: dict[str, Decoder] = {}
        self._ratio = Ratio(rules.max_reject_ratio)
        self._log = FoldedLog(get_logger())
        self._standstill = Standstill()
        self._ticks = Ticks(rules.tick_s, ports.clock)
        self._disagreed = 0
        self._superseded = 0
        self._outlook = ports.outlook
        self._seen: Outlook | None = None
        self._hurried = False

    @property
    def request_s(self) -> float:
        """How long an attempt may be on the wire, in seconds."""
        return self._rules.request_s

    def join(self) -> None:
        """Join the group."""
        self._consumer.subscribe(self.ownership)

    def turn(self) -> int:
        """Do everything once. Return how many flushes were handed over."""
        # Asked first: whatever had ended by then is taken in this turn.
        self._seen = self._outlook() if self._outlook else None
        left_s = self._ticks.left_s(hurry=self._hurried)
        runs = self._consumer.poll_runs(self._rules.poll_max, left_s)
        now_s = self._clock()
        since_s = self._ticks.since_s(now_s)
        for polled in runs:
            self.heard += 1
            self.heard_topics.add(polled.partition.topic)
            if self.schemas.holds(polled.partition):
                continue  # What stands behind a record that can't be read yet comes again.
            if isinstance(polled, Run):
                self._absorb(polled, now_s, since_s)
            elif isinstance(polled, PartitionFault):
                self.ownership.fault(polled)
            elif polled.partition not in self.ownership.standing.parked:  # Perhaps just now.
                self.ends[polled.partition] = polled.offset
                self.relay.reached_end(polled.partition)
        self.session.turn()
        if not self.draining:  # Who leaves begins nothing, and asks a broker nothing.
            self.ownership.turn(now_s)
        self._follow_positions()
        self._handover.finish_flushes()
        self._match_pause()
        self._call_back_suspects()
        self.committer.turn(now_s, leaving=self.draining)
        return self._hand_over()

    # What comes in.

    def _absorb(self, run: Run, now_s: float, since_s: float) -> None:
        partition = run.partition
        if partition not in self.relay.tenures or partition in self.ownership.standing.parked:
            return  # Held back; what was prefetched is read again when it goes on.
        self.committer.ages.read(run, now_s)
        decoder = self._decoders.get(partition.topic)
        if decoder is None:
            decoder = self._decoders[partition.topic] = self._decoder_of(partition.topic)
        try:
            decoded = decoder.decode(run, stop_at_reject=not self.letters.possible)
        except HoldError as hold:
            self.schemas.hold(run, hold, lambda before: self._absorb(before, now_s, since_s))
            return
        if self._ratio.exceeded(len(run.records), len(decoded.rejects)):
            self._hold_for_ratio(run)
            return
        if decoded.rejects:
            self._reject(run, decoded.rejects)
        self._count(run, decoded)
        self.relay.absorb(decoded.change_set, now_s, since_s)

    def _reject(self, run: Run, rejects: tuple[Reject, ...]) -> None:
        first = rejects[0]
        self.rejected += len(rejects)
        for reason, count in Counter(reject.reason for reject in rejects).items():
            self._metrics.rejected(run.partition.topic, reason, count)
        self._log.error(
            event.RECORD_REJECTED,
            f"{run.partition.topic} {first.reason}",
            topic=run.partition.topic,
            partition=run.partition.number,
            offset=first.offset,
            reason=first.reason,
            detail=first.detail,
            records=len(rejects),
        )
        if self.letters.possible:
            self.letters.reject(run.partition, run.first_offset, rejects)
        else:
            why = f"record {first.offset} can't be used ({first.reason}: {first.detail})"
            self.ownership.stop_at(run.partition, f"{why} and dead_letter.topic is not set")

    def _hold_for_ratio(self, run: Run) -> None:
        why = (
            f"over {self._rules.max_reject_ratio:.0%} of the last records can't be used;"
            " correct the mapping and restart"
        )
        self.ratio_exceeded[run.partition] = why
        self._log.error(event.DEAD_LETTERS_HELD, str(run.partition), detail=why)
        self.ownership.stop_at(run.partition, why)

    def _count(self, run: Run, decoded: Decoded) -> None:
        self.consumed += len(run.records)
        self._metrics.consumed(run.partition, len(run.records))
        if self.relay.tenures[run.partition].barrier_to is not None:
            self._metrics.replayed_events.inc(len(run.records))
        if decoded.ignored:
            self._metrics.ignored(run.partition.topic, decoded.ignored)

    def _follow_positions(self) -> None:
        """Pass control records, and learn where a log ends that is replayed."""
        for partition, tenure in self.relay.tenures.items():
            if partition in self.ownership.standing.parked:
                continue
            position = self._consumer.position(partition)
            if position is not None:
                self.relay.advance(partition, position)
            if tenure.barrier_to is not None:
                end = self._consumer.end_offset(partition)
                if end is not None:
                    self.relay.saw_end(partition, end)

    # What goes out.

    def _match_pause(self) -> None:
        """Compare what should be paused with what is: each turn, so no change is ever missed."""
        parked = self.ownership.standing.parked
        held = self._standstill.lasts(self.relay.in_flight, self._clock())
        opened = self.relay.relieve(parked, held=held)
        if opened is not None:
            self._metrics.barrier_opened.inc()
            self._log.warning(event.BARRIER_OPENED, str(opened), partition=str(opened))
        assigned = self.ownership.assigned
        stops = self.draining or self.letters.full
        wanted = set(assigned) if stops else self.relay.to_pause()
        wanted |= self.ownership.standing.stopped() | self.schemas.waiting(assigned)
        wanted &= assigned
        paused = self.ownership.paused
        self._consumer.pause(sorted(wanted - paused))
        self._consumer.resume(sorted(paused - wanted))
        self.ownership.paused = wanted

    def _call_back_suspects(self) -> None:
        """Call back what was refused alone, where its cohort has more to send by now.

        Sent together, the rest shows whether Braze takes it, so a single cohort with a single bad
        member can't hold for ever for want of evidence (G12).
        """
        suspects = self._line.suspects()
        more = self.relay.with_more_to_send(suspects, self._clock()) if suspects else []
        if more:
            self._line.abandon(more)

    def _hand_over(self) -> int:
        now_s, parked = self._clock(), self.ownership.standing.parked
        full = self.relay.saturated or bool(self.relay.crowding)
        gathers = self._backlog.gathers(self.relay.tenures, parked, now_s, full=full)
        capacity = 0 if gathers and not self.draining else self._line.capacity()
        flushes = self.relay.seal(now_s, capacity=capacity, drain=self.draining)
        self._hurried = self.draining or len(flushes) >= capacity  # Who comes free waits for us.
        self._line.submit(flushes)
        tally = self.relay.tally
        self._metrics.changes_superseded.inc(tally.superseded - self._superseded)
        self._superseded = tally.superseded
        if tally.disagreements > self._disagreed:
            self._log.warning(event.LANES_DISAGREE, members=tally.disagreements - self._disagreed)
            self._metrics.lane_disagreements.inc(tally.disagreements - self._disagreed)
            self._disagreed = tally.disagreements
        return len(flushes)

    # The end.

    def drained(self, handed_over: int, last_start_s: float = -math.inf) -> bool:
        """Tell whether, while draining, nothing more is to be expected from another turn.

        What could start only after `last_start_s` is not waited for. What Braze has taken is
        committed by then: the last commit alone may be refused while the group rebalances, and
        what it covers would be delivered twice (G14).
        """
        if self.letters.waiting or not self.committer.done(self._clock()):
            return False
        if self.relay.idle or handed_over:
            return self.relay.idle
        if self._seen is None:
            return not self.relay.in_flight and self._line.capacity() > 0
        return not self._seen.busy and last_start_s < earliest_s(
            self.relay, self._seen, self._clock()
        )

    def stop_by(self, deadline_s: float) -> None:
        """Let no hand-over keep the process from leaving by then; from any thread."""
        self._handover.stop_by_s = deadline_s - LEAVE_S + CONFIRM_S

    def leave(self, deadline_s: float) -> None:
        """Give everything up and leave the group: what is not complete is replayed."""
        self.letters.flush(max(0.0, deadline_s - self._clock() - LEAVE_S))
        self._handover.revoke(sorted(self.ownership.assigned), deadline_s)
        self._consumer.close()
        self.letters.close()

    def paused(self) -> Mapping[Partition, bool]:
        """Return which assigned partitions are paused now."""
        return {p: p in self.ownership.paused for p in self.ownership.assigned}
