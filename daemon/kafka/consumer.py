"""Our narrow face of `confluent_kafka.Consumer`: runs of records in, commits with intent out.

It owns the only consumer of the process and is called by one thread: the client lets one call in
at a time, and a second thread would starve for seconds (measured). It knows partitions and
offsets, never what a record means, nor what may be committed; `commits` has G7's last lock.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, TypeAlias

from confluent_kafka import Consumer, KafkaException, TopicPartition

from daemon.errors import KafkaFatal
from daemon.kafka import questions
from daemon.kafka.asking import Asking
from daemon.kafka.client_config import Properties, client_log, consumer_config
from daemon.kafka.client_errors import ClientEvent, EventLog, describe, error_of
from daemon.kafka.commits import CommitBook, CommitSender
from daemon.kafka.listing import listed, plain, resumed
from daemon.kafka.login import Login
from daemon.kafka.polling import Polling
from daemon.kafka.resuming import assign
from daemon.kafka.runs import Reading
from daemon.kafka.telling import Telling
from daemon.kafka.token_watch import TokenWatch
from daemon.tokens.source import source_in

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from daemon.core.model import Partition
    from daemon.kafka.records import Commit, CommitResult, Polled, RebalanceListener

# A client whose right to the group was refused for good is replaced this often.
AGAIN_S = 5.0

# What is taken of the client at the end, at most: what it has to say about the group and errors,
# since nothing is assigned any more.
_AT_THE_END = 1_000

_Listed: TypeAlias = list[TopicPartition]


class KafkaConsumer(Asking, Telling):
    """A member of the group, reading the subscribed topics from where it is told.

    `topics` are names, or patterns that begin with `^` and match whole names. Everything that
    happens in the group happens inside `poll_runs` and `close`: the listener is called there, on
    the same thread, and what it raises is raised there. A partition is read from `begin` on; one
    that is assigned and never begun stays ours and silent. Memory: see `client_config`.

    Where it takes tokens to log in the client is made by `subscribe`, on the thread that reads:
    that takes a second, and fails while `tokens` has trouble.
    """

    def __init__(
        self,
        properties: Properties,
        topics: Sequence[str],
        *,
        clock: Callable[[], float] = time.monotonic,
        logger: logging.Logger = client_log,
        login: Login | None = None,
    ) -> None:
        self._login = login or Login()
        self._topics = tuple(questions.whole(topic) for topic in topics)
        self._events = EventLog()
        self._reading = Reading()
        self._assigned: set[Partition] = set()
        self._paused: set[Partition] = set()
        self._committed = {}
        self._listener: RebalanceListener | None = None
        self._failure: BaseException | None = None
        self._closing = False
        self._polling = Polling()
        self._clock = clock
        self._logger = logger
        self._config = consumer_config(properties) | {"error_cb": self._events.add}
        self.beat: Callable[[], None] = lambda: None  # Told while `begin` waits for the client.
        self._again_at_s = -math.inf  # Not before this another client is made for a refused one.
        self.tokens = TokenWatch(source_in(properties), clock)
        if not self.tokens.needed:
            self._connect()

    def _connect(self) -> None:
        book = CommitBook()
        config = {**self._config, **self._login.properties(), "on_commit": book.heard}
        self._consumer = Consumer(config, logger=self._logger)
        self._committer = CommitSender(self._consumer, book, self._assigned, self._clock)

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group; the first assignment comes in a later `poll_runs`."""
        if self.tokens.needed and self._listener is None:  # The first time.
            self._connect()
        self._listener = listener
        topics, calls = list(self._topics), (self._on_assign, self._on_revoke, self._on_lost)
        try:
            self._consumer.subscribe(topics, *calls)
        except KafkaException as exception:
            why = f"{describe(error_of(exception))}; patterns are POSIX extended expressions"
            raise KafkaFatal(f"subscribe to {', '.join(topics)}: {why}") from exception

    def poll_runs(self, max_records: int, timeout_s: float) -> list[Polled]:
        """Wait `timeout_s`, or until there are `max_records`; return what is there.

        Raise KafkaFatal when the client can't go on, and whatever the listener raised.
        """
        self._login.follow(self._consumer)
        messages = self._polling.messages(self._consumer, max_records, timeout_s)
        polled = self._reading.take(messages, self._events)
        self._raise_failure()
        if self._events.fatal is not None:
            if not self._events.refused:
                raise KafkaFatal(f"the Kafka client gave up: {self._events.fatal}")
            self._start_over()
        return polled

    def _start_over(self) -> None:
        """Become another member with another client; not more than once in a few seconds.

        Under KIP-848 librdkafka takes a refused heartbeat for fatal, and it may be taken later.
        """
        lost = sorted(self._assigned)
        self._assigned.clear()
        self._tell("on_lost", lost)
        self._forget(lost)
        if self._clock() < self._again_at_s or self._listener is None or self.tokens.trouble:
            return
        self._again_at_s = self._clock() + AGAIN_S
        self._events.pardon()
        self._connect()
        self.subscribe(self._listener)

    def client_events(self) -> list[ClientEvent]:
        """Return what the client met since the last call, at most the newest 64."""
        return self.tokens.events(self._events.drain())

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Read assigned partitions from here: from `on_assign`, or later.

        A committed offset takes its leader epoch along: a log cut short meanwhile is a fault.
        """
        fresh = [at for at in offsets if at in self._assigned and at not in self._reading]
        starts = [resumed(at, offsets[at], self._committed.get(at)) for at in fresh]
        assign(self._consumer, starts, self.beat)
        for partition in fresh:
            self._reading.begin(partition, offsets[partition])
        self._consumer.resume([listed(at) for at in fresh])  # A pause outlives a rebalance.

    def seek(self, partition: Partition, offset: int) -> None:
        """Read on from another offset, whether paused, stopped by a fault, or running.

        Nothing happens for one that was not begun. (librdkafka's own seek fails after a fault.)
        """
        if partition not in self._reading:
            return
        self._consumer.incremental_unassign([listed(partition)])
        self._consumer.incremental_assign([listed(partition, offset)])
        self._reading.begin(partition, offset)
        if partition in self._paused:
            self._consumer.pause([listed(partition)])

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Hand out nothing of these any more; what was prefetched is fetched again later."""
        wanted = [at for at in partitions if at in self._reading]
        self._consumer.pause([listed(at) for at in wanted])
        self._paused.update(wanted)

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Undo `pause`. A partition that comes back in a rebalance is never paused."""
        wanted = [at for at in partitions if at in self._reading]
        self._consumer.resume([listed(at) for at in wanted])
        self._paused.difference_update(wanted)

    def commit(self, commits: Sequence[Commit]) -> None:
        """Send without waiting, one request for each topic; see `commit_results`."""
        self._committer.send(commits)

    def commit_results(self) -> list[CommitResult]:
        """Return the answers since the last call, in any order; `_TIMED_OUT` after 90 s."""
        return self._committer.results()

    def oldest_commit_age_s(self) -> float | None:
        """Return how long the oldest unanswered commit has waited, None when there is none."""
        return self._committer.oldest_age_s()

    def commit_now(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Send and wait: for those who give partitions up only, also inside `on_revoke`.

        It waits as long as the coordinator is silent (60 s and more, measured), so when an answer
        is already owed for 5 s nothing is sent, and all are answered `_TIMED_OUT`.
        """
        return self._committer.send_and_wait(commits)

    # The group: librdkafka calls these from inside `consume` and `close`.

    def close(self) -> None:
        """Give back what is ours (the listener's `on_revoke` is called) and leave the group.

        The listener is told first, by us: inside librdkafka's own close a commit may come from
        one who is no member any more (UNKNOWN_MEMBER_ID when a rebalance is under way, measured).
        """
        if owned := sorted(self._assigned):
            self._tell("on_revoke", owned)
            self._let_go(owned)
        if not self._closing:
            self._closing = True
            # A refused last commit has librdkafka ask for what was just given back. Its own close
            # would pass that on when nobody answers any more, and hang for good (measured).
            self._consumer.consume(_AT_THE_END, 0)
        self._consumer.close()
        self._raise_failure()

    def _on_assign(self, _: Consumer, entries: _Listed) -> None:
        try:
            # Without a call of its own in here, the binding would start all of them where the
            # group's offsets are. Those nobody begins are ours and silent.
            self._consumer.incremental_assign([])
            if not self._closing:  # Else nobody waits for it, and to assign more would hang.
                self._assigned.update(partitions := plain(entries))
                self._tell("on_assign", partitions)
        except KafkaException as exception:
            self._failure = self._failure or exception

    def _on_revoke(self, _: Consumer, entries: _Listed) -> None:
        partitions = [at for at in plain(entries) if at in self._assigned]
        self._tell("on_revoke", partitions)
        self._let_go(partitions)

    def _on_lost(self, _: Consumer, entries: _Listed) -> None:
        partitions = [at for at in plain(entries) if at in self._assigned]
        self._assigned.difference_update(partitions)  # So that nothing is committed from here on.
        self._tell("on_lost", partitions)
        self._let_go(partitions)

    def _tell(self, what: str, partitions: list[Partition]) -> None:
        """Call the listener, and keep what it raises until the poll returns.

        An exception that left the callback would take the records of this poll with it.
        """
        if not partitions and what != "on_assign":  # An empty assignment says: stand by.
            return
        try:
            getattr(self._listener, what)(partitions)
        except BaseException as exception:  # noqa: BLE001 - raised again by `_raise_failure`
            self._failure = self._failure or exception

    def _let_go(self, partitions: list[Partition]) -> None:
        # Those that were never begun are not in librdkafka's assignment, and it refuses a list
        # that names one of them, whole.
        begun = [listed(at) for at in partitions if at in self._reading]
        try:
            self._consumer.incremental_unassign(begun)
        except KafkaException as exception:
            self._failure = self._failure or exception
        self._forget(partitions)

    def _forget(self, partitions: list[Partition]) -> None:
        self._assigned.difference_update(partitions)
        self._paused.difference_update(partitions)
        for partition in partitions:
            self._reading.end(partition)
            self._committed.pop(partition, None)
            self._committer.forget(partition)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if isinstance(failure, KafkaException):
            raise KafkaFatal(f"take part in the group: {describe(error_of(failure))}") from failure
        if failure is not None:
            raise failure
