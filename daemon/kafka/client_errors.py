"""What the client library reports besides records, as values the caller can judge.

It owns the reading of librdkafka's errors: which concern one partition, which the whole client,
and which end the process. It logs and counts nothing; whoever drains the events says them once.
"""

from __future__ import annotations

from collections import deque

import msgspec
from confluent_kafka import KafkaError, KafkaException

_KEPT = 64  # Events between two drains; when there are more, the oldest are forgotten.

# These pass by themselves: whatever was asked is asked again, and answered some day.
_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - librdkafka's names of local errors
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._WAIT_COORD,  # noqa: SLF001
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        # A right that was taken away: it is tried again until somebody gives it back.
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)

# What a fetch can bring, and what becomes of it (librdkafka 2.16, the fetcher and the reader of
# batches; Kafka 4.3, `ReplicaManager.readFromLog`):
#
# - Handled by librdkafka, which tells nobody, looks for the leader and fetches again:
#   NOT_LEADER_FOR_PARTITION, LEADER_, REPLICA_, BROKER_ and OFFSET_NOT_AVAILABLE, FENCED_ and
#   UNKNOWN_LEADER_EPOCH, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PART.
# - OFFSET_OUT_OF_RANGE, and an epoch that the log does not know: it stops there, and tells of
#   _AUTO_OFFSET_RESET. The position is lost.
# - TOPIC_AUTHORIZATION_FAILED: told once, and fetched again until somebody gives the right back.
# - Any other answer of a broker: told, and fetched again from the same offset after
#   `fetch.error.backoff.ms`, each time. Nothing is passed, so it may last as long as it does:
#   UNKNOWN (an exception at the broker: a disk, a remote segment, too many readers of those),
#   REQUEST_TIMED_OUT, OFFSET_MOVED_TO_TIERED_STORAGE (meant for followers), INCONSISTENT_TOPIC_ID
#   (a broker that lags behind a topic made anew; the surveys tell which topic it is),
#   UNSUPPORTED_VERSION (brokers that are being up- or downgraded), codes that are yet to come.
#   But for those below: a copy on disk that is damaged, or what this client can't read, however
#   often it is fetched. A person has to do something about that.
# - What librdkafka itself finds wrong with a batch (_BAD_MSG, _BAD_COMPRESSION, _NOT_IMPLEMENTED,
#   …): behind one whose checksum is wrong it goes on, so reading on would pass records.
# - Not of a fetch, but told of partitions in the same way, when the metadata no longer have them:
#   UNKNOWN_TOPIC_OR_PART, _UNKNOWN_PARTITION, TOPIC_EXCEPTION. What comes under this name next is
#   another log.
_FOR_GOOD = frozenset(
    {
        KafkaError.INVALID_MSG,  # CORRUPT_MESSAGE in Kafka's own words.
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
        KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    }
)


# Under KIP-848 these end the client, although another one may be taken later: a right can be given
# back, and members of the classic protocol leave. (A broker lets nobody of the newer protocol in
# beside them: what librdkafka's cooperative assignor keeps in the group would be lost. Kafka 4.3.)
_NOT_NOW = {
    KafkaError(code).str(): code
    for code in (KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.GROUP_ID_NOT_FOUND)
}


class ClientEvent(msgspec.Struct, frozen=True):
    """Something the client met that is not about one partition's records.

    `code` is librdkafka's error name (`_ALL_BROKERS_DOWN`, `_AUTHENTICATION`, `_SSL`,
    `UNKNOWN_TOPIC_OR_PART`, …); `text` is its words; `topic` is named where there is one, and
    `reading` says that it was met at a partition which is being read. Where it `repeats`, it is
    told again with every fetch, as long as it lasts.
    """

    code: str
    text: str
    fatal: bool = False
    topic: str | None = None
    reading: bool = False
    repeats: bool = False


class EventLog:
    """The last events, in order, until they are drained. Never more than a fixed number."""

    def __init__(self) -> None:
        self._events: deque[ClientEvent] = deque(maxlen=_KEPT)
        self.fatal: str | None = None  # Set by the first fatal error, and never taken back.

    def add(self, error: KafkaError, topic: str | None = None, *, reading: bool = False) -> None:
        """Note an error. Registered as `error_cb`, so it must not raise."""
        # A consumer's fatal error comes as a message of this code, without the mark (2.16).
        fatal = error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001
        repeats = reading and error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED
        event = ClientEvent(error.name(), error.str(), fatal, topic, reading, repeats)
        self._events.append(event)
        if event.fatal and self.fatal is None:
            self.fatal = describe(error)

    @property
    def refused(self) -> bool:
        """Tell whether the fatal error is only that the group does not take us now."""
        return self._not_now is not None

    def pardon(self) -> None:
        """Another client begins anew: what ended the last one is a complaint like any other."""
        code = self._not_now
        assert code is not None, self.fatal
        self.fatal = None
        self.add(KafkaError(code))

    @property
    def _not_now(self) -> int | None:
        said = self.fatal or ""
        return next((code for words, code in _NOT_NOW.items() if words in said), None)

    def drain(self) -> list[ClientEvent]:
        """Return the events since the last call."""
        events = list(self._events)
        self._events.clear()
        return events


def describe(error: KafkaError) -> str:
    """Return an error in one line: librdkafka's name for it and its words."""
    return f"{error.name()}: {error.str()}"


def error_of(exception: KafkaException) -> KafkaError:
    """Return the error an exception of the client carries."""
    error = exception.args[0]
    assert isinstance(error, KafkaError), exception
    return error


def is_passing(error: KafkaError) -> bool:
    """Tell whether the same question may soon be answered otherwise."""
    return error.retriable() or error.code() in _PASSING


def is_fetched_again(error: KafkaError) -> bool:
    """Tell whether librdkafka reads a partition on from the same offset after this error of it.

    A broker's answer is asked for again, unless it can't be another one. After what the client
    found wrong by itself only that goes on which is known to.
    """
    code = error.code()
    from_broker = code == KafkaError.UNKNOWN or code > 0
    return code not in _FOR_GOOD if from_broker else is_passing(error)
