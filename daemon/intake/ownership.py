"""Which partitions are ours, and how each one stands: started, held back, parked.

Called by the consumer on the intake thread. It upholds G6, G15 and the rule on missing offsets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.takeover import MADE_ANEW, Foreign, Parked, is_made_anew
from daemon.core.tenure import Start
from daemon.intake.census import Census
from daemon.intake.handover import Handover
from daemon.intake.ports import Ports
from daemon.intake.starts import Found, Starts
from daemon.kafka.records import Commit, PartitionFault, Survey
from daemon.logs import FoldedLog, event, get_logger

# A question to a broker that did not answer is asked again after this; while partitions run,
# which wait for each question as well, after so many times of what it took: at most so long, since
# what begins only then is late by that (G10).
_ASK_AGAIN_S = 2.0
_TIMES_ASKED = 10
_ASK_AGAIN_S_MAX = 20.0


class Standing(msgspec.Struct):
    """Assigned partitions that are not read on, each with the reason in words."""

    unstarted: dict[Partition, str] = msgspec.field(default_factory=dict)
    foreign: dict[Partition, str] = msgspec.field(default_factory=dict)
    parked: dict[Partition, str] = msgspec.field(default_factory=dict)
    # Of the parked, those of which too much could not be used.
    rejecting: dict[Partition, str] = msgspec.field(default_factory=dict)

    def stopped(self) -> set[Partition]:
        """Return all of them."""
        return {*self.unstarted, *self.foreign, *self.parked}

    def forget(self, partition: Partition) -> None:
        """It is no longer ours."""
        for group in (self.unstarted, self.foreign, self.parked, self.rejecting):
            group.pop(partition, None)


class Ownership:
    """The rebalance listener."""

    def __init__(
        self,
        ports: Ports,
        relay: Relay,
        starts: Starts,
        handover: Handover,
        revoke_s: float,
    ) -> None:
        self.standing = Standing()
        self.assigned: set[Partition] = set()
        self.paused: set[Partition] = set()  # As the consumer was told; the intake keeps it too.
        self.joined = False
        self._consumer = ports.consumer
        self._line = ports.line
        self._clock = ports.clock
        self._metrics = ports.metrics
        self._relay = relay
        self._starts = starts
        self._handover = handover
        self._revoke_s = revoke_s
        self._census = Census(ports.metrics)
        self._surveys = ports.surveys
        self._survey: Survey | None = None  # The last one that was looked at.
        self._begun_s: dict[Partition, float] = {}
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self._ask_at_s = 0.0
        self._assigned_s = -math.inf  # A survey must be younger than the last assignment.

    # What the consumer calls.

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """Take these; `turn` begins them.

        Nothing is asked here: a question inside the client's callback may end the process (the
        binding forgets whose call it is in, and aborts at the next callback of the same poll).
        """
        self.joined = True
        self.assigned.update(partitions)
        self.standing.unstarted.update(dict.fromkeys(partitions, "the topics are asked for"))
        self._ask_at_s = self._assigned_s = self._clock()
        self._surveys.hurry()  # A rebalance may come of more partitions, and change our share.
        self._metrics.rebalanced("assigned", len(partitions))
        for partition in partitions:  # Its series is there before its first record is.
            self._metrics.consumed(partition, 0)
        self._log.info(event.PARTITIONS_ASSIGNED, partitions=[str(p) for p in partitions])
        self._share()

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """Finish and commit what touches these; they are ours until this returns."""
        self._metrics.rebalanced("revoked", len(partitions))
        self._log.info(event.PARTITIONS_REVOKED, partitions=[str(p) for p in partitions])
        self._handover.renew_lease(partitions)
        # From here: a slow coordinator has taken its time, and a request may have begun just now.
        self._handover.revoke(partitions, self._clock() + self._revoke_s)
        self._forget(partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """Start nothing more for these, and commit nothing."""
        self._metrics.rebalanced("lost", len(partitions))
        self._log.warning(event.PARTITIONS_LOST, partitions=[str(p) for p in partitions])
        self.joined = False  # Until the group gives us something again, if it be nothing.
        self._handover.lose(partitions)
        self._forget(partitions)

    # What the intake calls.

    def turn(self, now_s: float) -> None:
        """Begin what was assigned and may begin, each in its own time."""
        survey = self._surveys.latest
        if survey is not None and survey is not self._survey:
            self._survey = survey
            self._compare(survey)
        waiting = sorted(p for p in self.assigned if p in self.standing.unstarted)
        if not waiting or now_s < self._ask_at_s:
            return
        if self._survey is None or self._survey.asked_at_s < self._assigned_s:
            return  # It comes, and nobody waits for it.
        told = [p for p in waiting if p.topic in self._survey.partitions]
        if len(told) < len(waiting):
            self._wait_for_topics(set(waiting) - set(told))
        begun = self._begin(told, self._survey) if told else {}
        self._consumer.begin(begun)
        full = self._relay.to_pause()
        paused = [partition for partition in begun if partition in full]
        self._consumer.pause(paused)
        self.paused.difference_update(begun)  # What was begun is not paused, but for these.
        self.paused.update(paused)

    def fault(self, fault: PartitionFault) -> None:
        """Park a partition whose position says nothing any more; the others go on."""
        if fault.partition not in self.assigned or fault.partition not in self._relay.tenures:
            return
        self._surveys.hurry()  # A topic that was made anew often shows by a fault first.
        self._park(fault.partition, f"{fault.code}: {fault.detail}")

    def stop_at(self, partition: Partition, why: str) -> None:
        """Park a partition whose next record can't be passed."""
        self._park(partition, why)

    def share(self) -> float:
        """Return the part of all partitions that this replica owns (G8)."""
        total = self._census.total
        return min(1.0, len(self.assigned) / total) if total else 1.0

    def _compare(self, survey: Survey) -> None:
        """Stop what is no longer the log it was begun on, and follow how many there are in all.

        A survey that was asked for before a partition was begun may be older than its topic.
        """
        self._starts.met(survey)
        self._census.take(survey.partitions)
        self._share()
        gone = [
            partition
            for partition, tenure in self._relay.tenures.items()
            if self._begun_s[partition] < survey.asked_at_s
            and is_made_anew(tenure.topic_id, survey.ids.get(partition.topic, ""))
        ]
        if gone:
            self._handover.drop(gone)
        for partition in gone:
            self.standing.forget(partition)
            self._park(partition, MADE_ANEW)

    def _wait_for_topics(self, partitions: set[Partition]) -> None:
        """Have the brokers asked again for a topic that they did not tell of."""
        self._ask_at_s = self._clock() + _ASK_AGAIN_S
        self._surveys.hurry()
        for partition in partitions:
            self.standing.unstarted[partition] = f"the brokers do not tell of {partition.topic}"

    def _begin(self, partitions: Sequence[Partition], survey: Survey) -> dict[Partition, int]:
        """Start what can be started and return where each of those is to be read from."""
        begun_s = self._clock()
        asked = self._starts.find(partitions, survey, begun_s)
        self.standing.unstarted.update(asked.unanswered)
        if asked.in_vain:
            now_s = self._clock()
            others = bool(self._relay.tenures or asked.found)
            self._ask_at_s = now_s + _pause_s(now_s - begun_s, others=others)
            self._folded.warning(event.KAFKA_ERROR, "begin", detail=asked.in_vain)
        else:
            self._folded.forget(event.KAFKA_ERROR, "begin")
        found = asked.found
        begun = {partition: self._begin_one(partition, how) for partition, how in found.items()}
        return {partition: offset for partition, offset in begun.items() if offset is not None}

    def _begin_one(self, partition: Partition, how: Found) -> int | None:
        self.standing.forget(partition)
        if isinstance(how, Foreign):
            self.standing.foreign[partition] = how.fingerprint
            self._log.error(event.FOREIGN_GROUP, partition=str(partition), belongs=how.fingerprint)
            return None
        if isinstance(how, Parked):
            self._park(partition, how.why)
            if how.mark is not None:
                self._consumer.commit([Commit(partition, 0, how.mark.encode())])
            return None
        assert isinstance(how, Start)
        self._relay.assign({partition: how})
        self._begun_s[partition] = self._clock()
        waits_s = max(0.0, how.wait_until_s - self._clock())
        if waits_s:
            self._metrics.unclean_handovers.inc()
        self._log.info(
            event.PARTITION_STARTED,
            partition=str(partition),
            offset=how.position,
            sent_to=None if how.sent_to == float("inf") else how.sent_to,
            waits_s=round(waits_s, 1),
        )
        return how.position

    def _park(self, partition: Partition, why: str) -> None:
        if self.standing.parked.get(partition) != why:
            self._log.error(event.PARTITION_PARKED, partition=str(partition), why=why)
        self.standing.parked[partition] = why

    def _forget(self, partitions: Sequence[Partition]) -> None:
        self._starts.forget(partitions)
        for partition in partitions:
            self.assigned.discard(partition)
            self.paused.discard(partition)
            self.standing.forget(partition)
            self._begun_s.pop(partition, None)
            self._metrics.forget_partition(partition)
        self._share()

    def _share(self) -> None:
        self._line.share(self.share())


def _pause_s(asked_s: float, *, others: bool) -> float:
    """Return how long to leave the brokers alone after having asked in vain, beside others."""
    wanted_s = _TIMES_ASKED * asked_s if others else 0.0
    return min(max(_ASK_AGAIN_S, wanted_s), _ASK_AGAIN_S_MAX)
