"""Where the logs of our partitions begin, and how long their topics keep records.

Asked beside the surveys, and never waited for: a question is put in one and its answers are taken
in a later one, since how soon surveys follow each other decides other things. Who gets no answer,
or may not ask (the settings of a topic take DescribeConfigs), knows less, and that is all.
"""

from __future__ import annotations

import math
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec

from daemon.core.model import Partition
from daemon.kafka.client_errors import error_of
from daemon.kafka.records import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from confluent_kafka.admin import AdminClient

# How often each is asked at most; settings change when a person changes them.
STARTS_EVERY_S = 5.0
SETTINGS_EVERY_S = 60.0

# Whoever may not ask asks again after this: a broker may log every refusal.
REFUSED_EVERY_S = 600.0

# How long the client tries, and after which time an answer that has not come never does.
ANSWER_S = 5.0
LOST_S = 30.0

# How long an answer stands when no other comes.
STANDS_S = 300.0

_REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Retention:
    """Asks of what is owned; `turn` never waits. `own` may be called from any thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owned: frozenset[Partition] = frozenset()
        self._starts: Answers[Partition, int] = Answers(lambda told: int(told.offset))
        self._settings: Answers[str, Kept] = Answers(read_settings)

    def own(self, partitions: frozenset[Partition]) -> None:
        """Ask of these from now on, and of no others."""
        self._owned = partitions

    @property
    def log_starts(self) -> dict[Partition, int]:
        """The first offset of each log that was told lately."""
        return dict(self._starts.known)

    @property
    def kept(self) -> dict[str, Kept]:
        """How long each topic keeps records, where that was told lately."""
        return dict(self._settings.known)

    def turn(self, admin: AdminClient) -> None:
        """Take the answers that have come, and ask again when it is time."""
        now_s, owned = self._clock(), self._owned
        partitions = self._starts.turn(owned, STARTS_EVERY_S, now_s)
        if partitions:
            self._starts.wait_for(_ask_starts(admin, partitions), now_s)
        topics = self._settings.turn({p.topic for p in owned}, SETTINGS_EVERY_S, now_s)
        if topics:
            self._settings.wait_for(_ask_settings(admin, topics), now_s)


class Answers(Generic[_Key, _Value]):
    """What was last answered of each key, and the answers that are still to come."""

    def __init__(self, read: Callable[[Any], _Value | None]) -> None:
        self.known: dict[_Key, _Value] = {}
        self._read = read
        self._told_s: dict[_Key, float] = {}
        self._refused_s: dict[_Key, float] = {}
        self._coming: Mapping[_Key, Future[Any]] = {}
        self._asked_s = -math.inf

    def turn(self, wanted: AbstractSet[_Key], every_s: float, now_s: float) -> list[_Key]:
        """Take what has come, forget what is old or not wanted; return whom to ask of now."""
        self._take(now_s)
        for key in [k for k in self.known if now_s - self._told_s[k] > STANDS_S or k not in wanted]:
            del self.known[key], self._told_s[key]
        for key in [k for k, s in self._refused_s.items() if now_s - s >= REFUSED_EVERY_S]:
            del self._refused_s[key]
        waits = bool(self._coming) and now_s - self._asked_s < LOST_S
        if waits or now_s - self._asked_s < every_s:
            return []
        return [key for key in wanted if key not in self._refused_s]

    def wait_for(self, coming: Mapping[_Key, Future[Any]], now_s: float) -> None:
        """Take these answers when they have come; what was waited for so far is lost."""
        self._coming, self._asked_s = coming, now_s

    def _take(self, now_s: float) -> None:
        done = {key: future for key, future in self._coming.items() if future.done()}
        self._coming = {key: f for key, f in self._coming.items() if key not in done}
        for key, future in done.items():
            failure = future.exception()
            if isinstance(failure, KafkaException) and error_of(failure).code() in _REFUSED:
                self._refused_s[key] = now_s
            value = self._read(future.result()) if failure is None else None
            if value is not None:
                self.known[key], self._told_s[key] = value, self._asked_s


def read_settings(entries: Mapping[str, Any]) -> Kept | None:
    """Return how long a topic with these settings keeps records, None where they don't say."""
    try:
        policies = str(entries["cleanup.policy"].value).split(",")
        age_ms = int(entries["retention.ms"].value)
        size = int(entries["retention.bytes"].value)
    except (KeyError, TypeError, ValueError):
        return None
    if "delete" not in policies:
        return Kept(math.inf)
    return Kept(math.inf if age_ms < 0 else age_ms / 1000, by_size=size >= 0)


def _ask_starts(
    admin: AdminClient, partitions: Iterable[Partition]
) -> dict[Partition, Future[Any]]:
    earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(*partition): earliest for partition in partitions}
    try:
        coming = admin.list_offsets(asked, request_timeout=ANSWER_S)
    except KafkaException:
        return {}
    return {Partition(each.topic, each.partition): future for each, future in coming.items()}


def _ask_settings(admin: AdminClient, topics: Iterable[str]) -> dict[str, Future[Any]]:
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
    try:
        coming = admin.describe_configs(asked, request_timeout=ANSWER_S)
    except KafkaException:
        return {}
    return {each.name: future for each, future in coming.items()}
