"""What the client library reports besides records, as values the caller can judge.

It owns the reading of librdkafka's errors: which concern one partition, which the whole client,
and which end the process. It logs and counts nothing; whoever drains the events says them once.
"""

from __future__ import annotations

from collections import deque

import msgspec
from confluent_kafka import KafkaError, KafkaException

_KEPT = 64  # Events between two drains; when there are more, the oldest are forgotten.

# These pass by themselves: a partition that reports one goes on without anybody's help.
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
    `reading` says that it was met at a partition which is being read.
    """

    code: str
    text: str
    fatal: bool = False
    topic: str | None = None
    reading: bool = False


class EventLog:
    """The last events, in order, until they are drained. Never more than a fixed number."""

    def __init__(self) -> None:
        self._events: deque[ClientEvent] = deque(maxlen=_KEPT)
        self.fatal: str | None = None  # Set by the first fatal error, and never taken back.

    def add(self, error: KafkaError, topic: str | None = None, *, reading: bool = False) -> None:
        """Note an error. Registered as `error_cb`, so it must not raise."""
        # A consumer's fatal error comes as a message of this code, without the mark (2.16).
        fatal = error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001
        event = ClientEvent(error.name(), error.str(), fatal, topic, reading)
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
    """Tell whether librdkafka goes on trying by itself after this error of a partition."""
    return error.retriable() or error.code() in _PASSING
