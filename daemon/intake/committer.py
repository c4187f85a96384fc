"""The one guarded commit: what the relay allows, asynchronously, with its intent (G5 to G7)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from daemon.core.intent import Intent
from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.tenure import Tenure
from daemon.intake.ages import Ages
from daemon.intake.ports import Ports
from daemon.kafka.records import Commit, CommitResult
from daemon.logs import FoldedLog, event, get_logger

COMMIT_EVERY_S_MAX = 5.0

# A commit that failed is repeated after this, not in a tight loop.
_RETRY_S = 0.5

# The group has moved on: the next turn, or the rebalance that follows, settles it.
_REFUSED = frozenset(
    {
        "REBALANCE_IN_PROGRESS",
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "STALE_MEMBER_EPOCH",
        "FENCED_MEMBER_EPOCH",
        "FENCED_INSTANCE_ID",
    }
)


_Asked: TypeAlias = tuple[Intent, Commit]


class Committer:
    """Commits per topic, one commit of a topic in flight.

    One unknown topic fails a whole call although the rest was committed, so each topic has its
    own. An accepted commit renews the lease from the time it was *sent*; a failed one is counted
    and repeated, and never taken for done.
    """

    def __init__(self, ports: Ports, relay: Relay) -> None:
        self._consumer = ports.consumer
        self._line = ports.line
        self._metrics = ports.metrics
        self._relay = relay
        self._log = FoldedLog(get_logger())
        self._sent: dict[str, tuple[float, dict[Partition, _Asked]]] = {}
        self._next_s: dict[str, float] = {}
        self._retry_s: dict[str, float] = {}
        self.committed: dict[Partition, int] = {}
        self.ages = Ages()
        self._clean: set[Partition] = set()  # Whose last commit that was taken says so.
        self.accepted = 0

    def done(self, now_s: float) -> bool:
        """Tell whether the broker has taken all that who leaves may commit now, the word included.

        The word is that a partition is clean: whoever takes it over would wait without it. It is
        not left to the commit at the very end, which a broker that gathers the group refuses.
        """
        return not any(self._is_behind(t, now_s) for t in self._relay.tenures.values())

    def turn(self, now_s: float, *, leaving: bool = False) -> None:
        """Take answers, and send what is due; when leaving, whatever is not committed yet."""
        for result in self._consumer.commit_results():
            self._take(result, now_s)
        due = self._due(now_s, leaving=leaving)
        if due:
            self._send(due, now_s, leaving=leaving)

    def _is_behind(self, tenure: Tenure, now_s: float) -> bool:
        partition = tenure.partition
        if self.committed.get(partition) != tenure.ledger.committable()[0]:
            return True
        return partition not in self._clean and tenure.is_clean(now_s)

    def _due(self, now_s: float, *, leaving: bool) -> list[Partition]:
        topics: dict[str, list[Partition]] = {}
        urgent: set[str] = set()
        for partition, tenure in self._relay.tenures.items():
            topics.setdefault(partition.topic, []).append(partition)
            behind = leaving and self._is_behind(tenure, now_s)
            if behind or tenure.needs_intent(leaving=leaving):
                urgent.add(partition.topic)
        return [
            partition
            for topic, partitions in topics.items()
            if topic not in self._sent and self._is_due(topic, now_s, urgent=topic in urgent)
            for partition in partitions
        ]

    def _is_due(self, topic: str, now_s: float, *, urgent: bool) -> bool:
        if now_s < self._retry_s.get(topic, -math.inf):
            return False
        return urgent or now_s >= self._next_s.get(topic, -math.inf)

    def _every_s(self) -> float:
        lease_s = self._relay.lease.length_s
        return min(COMMIT_EVERY_S_MAX, lease_s / 3) if lease_s else COMMIT_EVERY_S_MAX

    def _send(self, partitions: Iterable[Partition], now_s: float, *, leaving: bool) -> None:
        commits = []
        for intent in self._relay.intents(partitions, now_s, last=leaving):
            topic = intent.partition.topic
            commits.append(_commit(intent))
            asked = self._sent.setdefault(topic, (now_s, {}))[1]
            asked[intent.partition] = (intent, commits[-1])
            self._next_s[topic] = now_s + self._every_s()
        self._consumer.commit(commits)

    def _take(self, result: CommitResult, now_s: float) -> None:
        partition = result.commit.partition
        sent_at_s, asked = self._sent.get(partition.topic, (0.0, {}))
        intent, commit = asked.get(partition, (None, None))
        if intent is None or commit is not result.commit:
            return  # Of an assignment that is over; answers come back in any order.
        del asked[partition]
        if not asked:
            del self._sent[partition.topic]
        if result.error is None:
            self._accepted([intent], sent_at_s)
        else:
            self._failed(result)
            self._retry_s[partition.topic] = now_s + _RETRY_S
            self._next_s.pop(partition.topic, None)

    def _accepted(self, intents: list[Intent], sent_at_s: float) -> None:
        self.accepted += len(intents)
        self._metrics.committed("accepted", len(intents))
        self._relay.acknowledge(intents, sent_at_s)
        self._line.renew(self._relay.lease.until_s)
        for intent in intents:
            self.committed[intent.partition] = intent.offset
            self._clean.discard(intent.partition)
            if intent.mark.clean:
                self._clean.add(intent.partition)
            self._log.forget(event.COMMIT_FAILED, str(intent.partition))

    def _failed(self, result: CommitResult) -> None:
        refused = result.error in _REFUSED
        self._metrics.committed("refused" if refused else "failed")
        partition = result.commit.partition
        self._log.warning(
            event.COMMIT_REFUSED if refused else event.COMMIT_FAILED,
            str(partition),
            topic=partition.topic,
            partition=partition.number,
            offset=result.commit.offset,
            error=result.error,
            detail=result.detail,
        )

    def commit_last(self, partitions: Iterable[Partition], now_s: float) -> None:
        """Commit for the last time before giving these up, and wait for the answer."""
        self._commit_now(self._relay.intents(partitions, now_s, last=True), now_s)

    def renew(self, partitions: Iterable[Partition], now_s: float) -> None:
        """Commit these as they stand, and wait for the answer, for the sake of the lease."""
        self._commit_now(self._relay.intents(partitions, now_s), now_s)

    def _commit_now(self, intents: list[Intent], now_s: float) -> None:
        if not intents:
            return
        by_partition = {intent.partition: intent for intent in intents}
        for result in self._consumer.commit_now([_commit(intent) for intent in intents]):
            if result.error is None:
                self._accepted([by_partition[result.commit.partition]], now_s)
            else:
                self._failed(result)

    def repeat(self, partitions: Iterable[Partition]) -> None:
        """Commit these as they stand and wait for no answer; whatever it is, it changes nothing."""
        self._consumer.commit([_commit(intent) for intent in self._relay.intents(partitions, 0.0)])

    def forget(self, partition: Partition) -> None:
        """It is no longer ours: an answer that still comes concerns nobody."""
        self.committed.pop(partition, None)
        self.ages.forget(partition)
        self._clean.discard(partition)
        sent = self._sent.get(partition.topic)
        if sent is not None:
            sent[1].pop(partition, None)
            if not sent[1]:
                del self._sent[partition.topic]


def _commit(intent: Intent) -> Commit:
    return Commit(intent.partition, intent.offset, intent.mark.encode(), intent.leader_epoch)
