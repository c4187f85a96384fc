"""The group's committed offsets: where a start would begin, and whether they are ours to use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin._acl import AclOperation

from daemon.config.durations import duration_text
from daemon.config.settings import Settings
from daemon.config.timing import read_timing
from daemon.core.intent import Mark
from daemon.core.lease import MARGIN_S, SHORTEST_S, lease_length_s
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Log, Parked, take_over
from daemon.errors import KafkaUnavailable
from daemon.kafka import questions
from daemon.kafka.client_errors import is_passing
from daemon.kafka.records import Committed
from daemon.tools.check.cluster import Cluster
from daemon.tools.check.finding import Finding, Level, count, listed, note, ok, problem, warning
from daemon.tools.check.retention import describe_lost

Ranges: TypeAlias = Mapping[Partition, tuple[int, int]]

_WHERE: Final = "kafka.group_id"
_ADOPT: Final = (
    "choose another kafka.group_id, or correct braze.endpoint (or cluster), partner and workspace"
    " and cohorts.id_prefix; `cohortd offsets adopt` takes the group over"
)


def look_at_group(cluster: Cluster, settings: Settings, ranges: Ranges) -> list[Finding]:
    """Return what the group's offsets mean for a start with this configuration."""
    findings = [*_members(cluster, settings.kafka.group_id), *_session(cluster, settings)]
    if not ranges or any(finding.level is Level.PROBLEM for finding in findings):
        return findings
    partitions = list(ranges)
    limit_s = cluster.limit_s()
    try:
        committed = questions.committed(cluster.consumer, partitions, limit_s)
    except KafkaUnavailable as error:
        remedy = "see whether this user may Read the group and the topics"
        return [*findings, *cluster.explain(problem(_WHERE, str(error), remedy))]
    found = {partition: at for partition, at in committed.items() if at is not None}
    topics = sorted({partition.topic for partition in partitions})
    ids = _topic_ids(cluster, topics)
    return [*findings, *_judge(settings, ranges, found, ids)]


def _session(cluster: Cluster, settings: Settings) -> Iterator[Finding]:
    """Say what lease the group's configuration leaves, where the broker has it (KIP-848)."""
    request_s = settings.delivery.request_timeout
    timing = read_timing(settings.kafka.properties, settings.kafka.session_timeout)
    if timing is None or not timing.consumer_protocol:
        return
    group = settings.kafka.group_id
    try:
        times = questions.group_times(cluster.admin, group, cluster.limit_s())
    except KafkaUnavailable as error:
        if settings.lease_s is None:
            remedy = "grant DescribeConfigs on the group, or set kafka.session_timeout"
            yield problem(_WHERE, str(error), remedy)
        return
    lease_s = lease_length_s(times.session_s, times.heartbeat_s, request_s)
    told = (
        f"the group's session timeout is {duration_text(times.session_s)}, its heartbeat"
        f" {duration_text(times.heartbeat_s)}"
    )
    if settings.lease_s is not None and settings.lease_s > lease_s:
        remedy = "set it to the group's, or leave it out: two replicas may send for one partition"
        yield warning("kafka.session_timeout", f"is longer than what is so: {told}", remedy)
    elif settings.lease_s is None and lease_s < SHORTEST_S:
        least_s = SHORTEST_S + times.heartbeat_s + request_s + MARGIN_S
        remedy = (
            f"make consumer.session.timeout.ms of the group at least {duration_text(least_s)},"
            " or lower delivery.request_timeout"
        )
        yield problem(_WHERE, f"{told}: that leaves no lease", remedy)
    else:
        yield ok(_WHERE, told)


def _judge(
    settings: Settings, ranges: Ranges, found: Mapping[Partition, Committed], ids: Mapping[str, str]
) -> Iterator[Finding]:
    fresh = {p.topic for p in ranges} - {p.topic for p in found}
    if fresh:
        start = settings.model_dump(mode="json")["start"]
        yield ok(_WHERE, f"no offsets yet for {listed(sorted(fresh))}: begins at start: {start}")
        if start == "earliest":
            yield from describe_lost(ranges, fresh)
    destination = Destination(settings.fingerprint, settings.delivery.settle)
    foreign: Counter[str] = Counter()
    parked: list[str] = []
    behind = 0
    for partition, at in found.items():
        low, high = ranges[partition]
        offset = (at.offset, at.metadata, at.leader_epoch)
        taken = take_over(offset, Log(ids.get(partition.topic, "")), destination, 0.0)
        if isinstance(taken, Foreign):
            foreign[taken.fingerprint] += 1
        elif isinstance(taken, Parked):
            parked.append(f"{partition} ({taken.why})")
        elif not low <= at.offset <= high:
            parked.append(f"{partition} (offset {at.offset}, the log has {low} to {high})")
        else:
            behind += high - at.offset
    for fingerprint, number in foreign.items():
        what = f"{count(number, 'partition')} of the group belong to another destination"
        told = f"{what} (fingerprint {fingerprint}, this configuration's is {settings.fingerprint})"
        yield problem(_WHERE, told, _ADOPT)
    if parked:
        what = f"the committed position is lost in {listed(parked)}: these would stand still"
        yield problem(_WHERE, what, "continue them with `cohortd offsets reset`")
    if found and not foreign:
        yield ok(_WHERE, f"goes on in {count(len(found), 'partition')}, {_left(behind)}")
        yield from _strangers(found)


def _strangers(found: Mapping[Partition, Committed]) -> Iterator[Finding]:
    other = [str(p) for p, at in found.items() if Mark.decode(at.metadata) is None]
    if other:
        what = f"offsets of {listed(other)} were not committed by cohortd"
        remedy = "fine after a reset by hand; if another program uses the group, choose another"
        yield warning(_WHERE, what, remedy)


def _left(behind: int) -> str:
    return f"about {count(behind, 'record')} behind" if behind > 0 else "at the end of the log"


def _members(cluster: Cluster, group: str) -> list[Finding]:
    """Return who is in the group now and whether we may read it, as far as the broker tells."""
    asked = cluster.admin.describe_consumer_groups(
        [group], include_authorized_operations=True, request_timeout=cluster.limit_s()
    )
    answer: Any = cluster.settle(asked)[group]
    denied = isinstance(answer, KafkaError) and (
        answer.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
    )
    if isinstance(answer, KafkaError) and not denied and is_passing(answer):
        return cluster.fail(_WHERE, answer, "see whether the group's coordinator is well")
    operations = getattr(answer, "authorized_operations", None) or ()
    allowed = not operations or {AclOperation.READ, AclOperation.ALL} & set(operations)
    if denied or not allowed:
        what = f"this user may not read group {group}"
        return [problem(_WHERE, what, "grant Read on the group")]
    members: Sequence[object] = getattr(answer, "members", None) or ()
    return [note(_WHERE, f"{count(len(members), 'member')} in the group now")] if members else []


def _topic_ids(cluster: Cluster, topics: Sequence[str]) -> dict[str, str]:
    """Return the ids of the topics; none where the broker does not tell them."""
    asked = cluster.admin.describe_topics(
        TopicCollection(list(topics)), request_timeout=cluster.limit_s()
    )
    answers: Mapping[str, Any] = cluster.settle(asked)
    return {
        name: str(answer.topic_id)
        for name, answer in answers.items()
        if not isinstance(answer, KafkaError)
    }
