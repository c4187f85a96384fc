"""Commits that are on their way, and which answer belongs to which.

It owns the book of what was asked, and the sending. Answers come back in any order, late or never
(a frozen coordinator keeps them until it thaws, measured), so each is matched by its content, and
none is ever assumed. It upholds G7's last lock: nothing is sent for a partition not assigned to
us, nor an offset below one sent before, since the broker would take both. What may be committed
of what is ours, the caller knows.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from daemon.core.model import Partition
from daemon.kafka.client_errors import error_of
from daemon.kafka.records import Commit, CommitResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

# The errors of commits that we refuse to send: librdkafka's own names.
NOT_OURS = "_ASSIGNMENT_LOST"
BACKWARDS = "_INVALID_ARG"

SILENT_AFTER_S = 5.0  # A coordinator that owes an answer this long is not waited for.
FORGOTTEN_AFTER_S = 90.0  # Longer than librdkafka itself waits for a coordinator (60 s, measured).

_Key: TypeAlias = tuple[Partition, int, str]


class CommitBook:
    """Commits sent and not answered, oldest first, and the answers not yet fetched."""

    def __init__(self) -> None:
        self._open: dict[_Key, deque[tuple[float, Commit]]] = {}
        self._results: list[CommitResult] = []

    def sent(self, commit: Commit, now_s: float) -> None:
        """Note a commit whose answer is awaited from now on."""
        self._open.setdefault(_key(commit), deque()).append((now_s, commit))

    def refused(self, result: CommitResult) -> None:
        """Note the answer to a commit that was never sent."""
        self._results.append(result)

    def heard(self, error: KafkaError | None, answers: list[TopicPartition]) -> None:
        """Note the answers to one request. Registered as `on_commit`, so it must not raise.

        One that nobody waits for any more changes nothing.
        """
        for answer in answers:
            partition = Partition(answer.topic, answer.partition)
            key = (partition, answer.offset, answer.metadata or "")
            if waiting := self._open.get(key):
                _, commit = waiting.popleft()
                if not waiting:
                    del self._open[key]
                self._results.append(_result(commit, answer.error or error))

    def oldest_age_s(self, now_s: float) -> float | None:
        """Return how long the oldest unanswered commit has waited, None when there is none."""
        oldest = min((waiting[0][0] for waiting in self._open.values()), default=None)
        return None if oldest is None else now_s - oldest

    def drain(self, now_s: float) -> list[CommitResult]:
        """Return the answers since the last call; what never got one has failed in the end."""
        for waiting in list(self._open.values()):
            while waiting and now_s - waiting[0][0] > FORGOTTEN_AFTER_S:
                _, commit = waiting.popleft()
                if not waiting:
                    del self._open[_key(commit)]
                detail = f"no answer in {FORGOTTEN_AFTER_S:g} s"
                self._results.append(CommitResult(commit, "_TIMED_OUT", detail))
        results, self._results = self._results, []
        return results


class CommitSender:
    """Sends commits of assigned partitions, one request for each topic.

    One unknown topic, or metadata too long, fails a request as a whole although the rest of it
    was committed (measured).
    """

    def __init__(
        self,
        client: Consumer,
        book: CommitBook,
        assigned: AbstractSet[Partition],
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._book = book
        self._assigned = assigned
        self._clock = clock
        self._reached: dict[Partition, int] = {}  # The highest offset sent while it is ours.

    def results(self) -> list[CommitResult]:
        """Return the answers that came since the last call."""
        return self._book.drain(self._clock())

    def oldest_age_s(self) -> float | None:
        """Return how long the oldest unanswered commit has waited."""
        return self._book.oldest_age_s(self._clock())

    def send(self, commits: Sequence[Commit]) -> None:
        """Send without waiting; the book has the answers."""
        now_s = self._clock()
        good, refused = self._sift(commits)
        for result in refused:
            self._book.refused(result)
        for ours in _by_topic(good):
            try:
                self._client.commit(offsets=_listed(ours), asynchronous=True)
            except KafkaException as exception:
                for commit in ours:
                    self._book.refused(_result(commit, error_of(exception)))
                continue
            for commit in ours:
                self._book.sent(commit, now_s)

    def send_and_wait(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Send and wait, unless the coordinator already owes an answer for too long."""
        owed_s = self.oldest_age_s() or 0.0
        if owed_s > SILENT_AFTER_S:
            detail = f"not sent: the coordinator has not answered for {owed_s:.0f} s"
            return [CommitResult(commit, "_TIMED_OUT", detail) for commit in commits]
        good, results = self._sift(commits)
        for ours in _by_topic(good):
            try:
                answers = self._client.commit(offsets=_listed(ours), asynchronous=False)
            except KafkaException as exception:
                results += [_result(commit, error_of(exception)) for commit in ours]
                continue
            errors = {answer.partition: answer.error for answer in answers}
            results += [_result(commit, errors[commit.partition.number]) for commit in ours]
        return results

    def forget(self, partition: Partition) -> None:
        """It is no longer ours: where another owner takes it, nobody here knows."""
        self._reached.pop(partition, None)

    def _sift(self, commits: Sequence[Commit]) -> tuple[list[Commit], list[CommitResult]]:
        """Return what may be sent, and the answers to what may not."""
        good: list[Commit] = []
        refused: list[CommitResult] = []
        for commit in commits:
            reached = self._reached.get(commit.partition, 0)
            if commit.partition not in self._assigned:
                detail = f"{commit.partition} is not assigned to this member"
                refused.append(CommitResult(commit, NOT_OURS, detail))
            elif commit.offset < reached:
                detail = f"{commit.offset} is below {reached}, which was committed before"
                refused.append(CommitResult(commit, BACKWARDS, detail))
            else:
                self._reached[commit.partition] = commit.offset
                good.append(commit)
        return good, refused


def _by_topic(commits: Sequence[Commit]) -> Iterable[list[Commit]]:
    topics: dict[str, list[Commit]] = {}
    for commit in commits:
        topics.setdefault(commit.partition.topic, []).append(commit)
    return topics.values()


def _key(commit: Commit) -> _Key:
    return commit.partition, commit.offset, commit.metadata


def _result(commit: Commit, error: KafkaError | None) -> CommitResult:
    if error is None:
        return CommitResult(commit)
    return CommitResult(commit, error.name(), error.str())


def _listed(commits: Sequence[Commit]) -> list[TopicPartition]:
    return [_topic_partition(commit) for commit in commits]


def _topic_partition(commit: Commit) -> TopicPartition:
    if commit.leader_epoch is None:  # The binding takes a number or nothing.
        return TopicPartition(*commit.partition, commit.offset, commit.metadata)
    return TopicPartition(*commit.partition, commit.offset, commit.metadata, commit.leader_epoch)
