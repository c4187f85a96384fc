"""The group at the cluster: its members and positions are asked for, its offsets written.

Facts about Kafka (measured on 4.x, both group protocols): a commit without a member's name is
taken only while the group has no member, and is refused with UNKNOWN_MEMBER_ID otherwise. So the
broker itself is the lock, whatever starts between our question and our write.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    TopicPartition,
)

from daemon.config.settings import Settings
from daemon.core.intent import Intent
from daemon.core.model import Partition
from daemon.errors import CohortdError, KafkaUnavailable
from daemon.kafka import questions
from daemon.kafka.client_errors import describe
from daemon.kafka.records import Committed
from daemon.tools.check.cluster import Cluster
from daemon.tools.check.finding import count, listed
from daemon.tools.log.asking import asking
from daemon.tools.log.topics import find_topics, topic_ids
from daemon.tools.offsets.position import Position

_AGAIN_S: Final = 0.2  # Between two questions to a coordinator that is not ready yet.
_NOT_YET: Final = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
_MAY_READ: Final = "see whether this user may Read the group and its topics"


@dataclass(frozen=True, slots=True)
class Group:
    """What was found. `members` are `client id at host`, None where the broker does not tell."""

    members: tuple[str, ...] | None
    positions: tuple[Position, ...]
    missing: tuple[str, ...]  # Topics that an input names and the cluster does not have.


def look(settings: Settings) -> Group:
    """Return the group and every partition of the inputs. Raise CohortdError without an answer."""
    with asking(settings) as cluster:
        counts, missing = find_topics(cluster, settings)
        partitions = [Partition(t, number) for t in sorted(counts) for number in range(counts[t])]
        ranges = cluster.ranges(partitions) if partitions else {}
        committed = _committed(cluster, partitions)
        ids = topic_ids(cluster, sorted(counts))
        positions = [
            Position(p, committed.get(p), *ranges[p], ids.get(p.topic, "")) for p in partitions
        ]
        return Group(_members(cluster, settings.kafka.group_id), tuple(positions), tuple(missing))


def refuse_members(settings: Settings, group: Group) -> None:
    """Raise CohortdError while the group has members."""
    if group.members:
        raise _in_use(settings.kafka.group_id, group.members)


def write(settings: Settings, intents: Sequence[Intent], seen: Mapping[Partition, object]) -> None:
    """Commit these for the group; when it returns, the broker has them.

    `seen` is what was committed when a person decided: where that is no longer so, nothing is
    written. Raise CohortdError for that, for a group with members, and for a refused commit.
    """
    name = settings.kafka.group_id
    with asking(settings) as cluster:
        cluster.connect()
        members = _members(cluster, name)
        if members:
            raise _in_use(name, members)
        partitions = [intent.partition for intent in intents]
        now = _committed(cluster, partitions)
        changed = [str(p) for p in partitions if now[p] != seen[p]]
        if changed:
            raise CohortdError(
                f"group {name}: the offsets of {listed(changed)} have changed meanwhile, so nothing"
                " was written; look again and repeat the command"
            )
        for topic in sorted({p.topic for p in partitions}):  # One bad topic fails a request (G7).
            _commit(cluster, name, [each for each in intents if each.partition.topic == topic])
        _verify(name, intents, _committed(cluster, partitions))


def _committed(
    cluster: Cluster, partitions: Sequence[Partition]
) -> dict[Partition, Committed | None]:
    try:
        return questions.committed(cluster.consumer, partitions, cluster.limit_s())
    except KafkaUnavailable as error:
        raise CohortdError(f"{error}; {_MAY_READ}") from None


def _members(cluster: Cluster, group: str) -> tuple[str, ...] | None:
    end_s = time.monotonic() + cluster.limit_s()
    while True:
        asked = cluster.admin.describe_consumer_groups([group], request_timeout=cluster.limit_s())
        answer: Any = cluster.settle(asked)[group]
        if not isinstance(answer, KafkaError):
            return tuple(f"{member.client_id} at {member.host}" for member in answer.members)
        code = answer.code()
        if code == KafkaError._UNSUPPORTED_FEATURE:  # noqa: SLF001
            return None  # The broker will refuse the commit then.
        if code == KafkaError.GROUP_ID_NOT_FOUND:
            return ()
        if code not in _NOT_YET or time.monotonic() > end_s:
            raise CohortdError(f"group {group}: {describe(answer)}; {_MAY_READ}")
        time.sleep(_AGAIN_S)


def _commit(cluster: Cluster, group: str, intents: Sequence[Intent]) -> None:
    places = [_place(intent) for intent in intents]
    request = ConsumerGroupTopicPartitions(group, places)
    limit_s = cluster.limit_s()
    asked = cluster.admin.alter_consumer_group_offsets([request], request_timeout=limit_s)
    answer: Any = cluster.settle(asked)[group]
    if isinstance(answer, KafkaError):
        raise _refused(group, intents[0].partition.topic, answer)
    for place in answer.topic_partitions:
        if place.error is not None:
            raise _refused(group, f"{place.topic}:{place.partition}", place.error)


def _place(intent: Intent) -> TopicPartition:
    at = (*intent.partition, intent.offset, intent.mark.encode())
    if intent.leader_epoch is None:  # The binding takes a number or nothing.
        return TopicPartition(*at)
    return TopicPartition(*at, intent.leader_epoch)


def _verify(
    group: str, intents: Sequence[Intent], now: Mapping[Partition, Committed | None]
) -> None:
    for intent in intents:
        found = now[intent.partition]
        if found is None or (found.offset, found.metadata) != (intent.offset, intent.mark.encode()):
            raise CohortdError(
                f"group {group}: the offset of {intent.partition} was written, and another one"
                " stands there now: a member has joined and committed; look with"
                " `cohortd offsets show`"
            )


def _refused(group: str, where: str, error: KafkaError) -> CohortdError:
    if error.code() == KafkaError.UNKNOWN_MEMBER_ID:
        return _in_use(group, ())
    return CohortdError(
        f"{where}: the broker refuses the commit of group {group}: {describe(error)}; {_MAY_READ}"
    )


def _in_use(group: str, members: Sequence[str]) -> CohortdError:
    who = f"{count(len(members), 'member')} ({listed(members)})" if members else "members"
    return CohortdError(
        f"group {group} has {who}, so its offsets stay as they are; stop every cohortd of this"
        " group and try again (one that was killed is a member until its session ends)"
    )
