"""The metrics as the loops use them: whole batches in, bounded labels out."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from daemon.logs import printable
from daemon.metrics import labels
from daemon.metrics.instruments import Instruments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prometheus_client import CollectorRegistry, Counter, Gauge

    from daemon.core.model import Partition
    from daemon.metrics.labels import CohortLabels


class BuildInfo(msgspec.Struct, frozen=True):
    """What is running and what it was told: the labels of the two info series."""

    version: str
    librdkafka: str
    config_hash: str
    workspace: str


class PartitionGauges(msgspec.Struct, frozen=True):
    """The numbers of one partition; None is not known, and has no series."""

    partition: Partition
    lag: int | None = None
    committed: int | None = None
    log_start: int | None = None
    headroom_s: float | None = None


class Quota(msgspec.Struct, frozen=True):
    """Braze's hourly quota as last heard."""

    limit: int | None = None
    remaining: int | None = None
    used_by_others: int | None = None


class Metrics(Instruments):
    """Every instrument as an attribute, and a method for each batch of news.

    Each method is called by one of the two loops, often enough that a picture two of them drew at
    once is put right by the next. What takes a whole picture (`publish_…`) also removes the series
    that are no longer in it. With `partition_labels` off, the label `partition` is empty: lag is
    the topic's sum, headroom its minimum, and offsets, which can't be added up, have no series.
    """

    def __init__(
        self, registry: CollectorRegistry, cohorts: CohortLabels, *, partition_labels: bool = True
    ) -> None:
        super().__init__(registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._cohorts = cohorts
        self._partition_labels = partition_labels
        self._published: dict[Gauge, set[tuple[str, ...]]] = {}
        self._blocked: dict[str, frozenset[str]] = {}
        self._target_s: float | None = None  # None until `targets` is told.
        self._targets_s: dict[str, float] = {}
        # Those that are counted in with each request, lane or run: to find them by their labels
        # costs several times what counting does.
        self._consumed: dict[Partition, Counter] = {}
        self._requests: dict[tuple[str, str], Counter] = {}
        self._latencies = {each: self.delivery_latency.labels(each) for each in labels.PHASES}
        for label in (*sorted(cohorts.named), labels.OTHER):
            for op in labels.OPS:
                self.changes_delivered.labels(label, op)

    def started(self, build: BuildInfo, log_lines_dropped: Callable[[], int]) -> None:
        """Say what is running, once, and where the lost log lines are counted."""
        self.build_info.labels(build.version, platform.python_version(), build.librdkafka).set(1)
        self.config_info.labels(build.config_hash, printable(build.workspace)).set(1)
        self.log_lines_dropped.follow(log_lines_dropped)

    # The intake loop.

    def declare_topics(self, topics: Iterable[str]) -> None:
        """Make the series of configured topics exist before anything is rejected or ignored."""
        for topic in topics:
            for reason in labels.REJECT_REASONS:
                self.events_rejected.labels(topic, reason)
            for rule in labels.IGNORE_RULES:
                self.events_ignored.labels(topic, rule)

    def consumed(self, partition: Partition, records: int) -> None:
        """Count the records of one run."""
        counter = self._consumed.get(partition)
        if counter is None:
            number = str(partition.number) if self._partition_labels else ""
            counter = self.events_consumed.labels(partition.topic, number)
            self._consumed[partition] = counter
        counter.inc(records)

    def rejected(self, topic: str, reason: str, count: int = 1) -> None:
        """Count records that can't be used."""
        value = labels.known(reason, labels.REJECT_REASONS, "invalid_record")
        self.events_rejected.labels(topic, value).inc(count)

    def ignored(self, topic: str, counts: Mapping[str, int]) -> None:
        """Count what one run left out, by the rule that said so."""
        for rule, count in counts.items():
            value = labels.known(rule, labels.IGNORE_RULES, labels.OTHER)
            self.events_ignored.labels(topic, value).inc(count)

    def dead_lettered(self, reason: str, count: int = 1) -> None:
        """Count dead letters that Kafka acknowledged."""
        value = labels.known(reason, labels.REJECT_REASONS, "invalid_record")
        self.dead_letters.labels(value).inc(count)

    def rebalanced(self, kind: str, partitions: int) -> None:
        """Count partitions `assigned`, `revoked` or `lost`."""
        assert kind in labels.REBALANCES, kind
        self.rebalances.labels(kind).inc(partitions)

    def committed(self, result: str, count: int = 1) -> None:
        """Count commits `accepted`, `refused` (by the group) or `failed`."""
        assert result in labels.COMMIT_RESULTS, result
        self.intent_commits.labels(result).inc(count)

    def publish_partitions(
        self, gauges: Sequence[PartitionGauges], states: Mapping[str, int]
    ) -> None:
        """Show these partitions and no others, and how many are in which state."""
        for state in labels.PARTITION_STATES:
            self.partitions.labels(state).set(states.get(state, 0))
        if not self._partition_labels:
            self._publish_topics(gauges)
            return
        pairs = [((row.partition.topic, str(row.partition.number)), row) for row in gauges]
        self._show(self.consumer_lag, {key: row.lag for key, row in pairs})
        self._show(self.committed_offset, {key: row.committed for key, row in pairs})
        self._show(self.log_start_offset, {key: row.log_start for key, row in pairs})
        self._show(self.retention_headroom, {key: row.headroom_s for key, row in pairs})

    def _publish_topics(self, gauges: Sequence[PartitionGauges]) -> None:
        lag: dict[tuple[str, ...], float | None] = {}
        headroom: dict[tuple[str, ...], float | None] = {}
        for row in gauges:
            key = (row.partition.topic, "")
            if row.lag is not None:
                lag[key] = (lag.get(key) or 0) + row.lag
            if row.headroom_s is not None:
                least = headroom.get(key)
                headroom[key] = row.headroom_s if least is None else min(least, row.headroom_s)
        self._show(self.consumer_lag, lag)
        self._show(self.retention_headroom, headroom)

    def forget_partition(self, partition: Partition) -> None:
        """Remove the series of a partition that left, its counter too."""
        if not self._partition_labels:
            return
        key = (partition.topic, str(partition.number))
        self._consumed.pop(partition, None)
        self.events_consumed.remove(*key)
        for gauge in (
            self.consumer_lag,
            self.committed_offset,
            self.log_start_offset,
            self.retention_headroom,
        ):
            gauge.remove(*key)
            self._published.get(gauge, set()).discard(key)

    def publish_cohorts(
        self, pending: Mapping[str, int], oldest_age_s: Mapping[str, float]
    ) -> None:
        """Show what is pending now; a cohort with nothing keeps a series only if it is named.

        Whoever has an age has its target beside it: the two are subtracted by cohort.
        """
        changes: dict[tuple[str, ...], float | None] = dict.fromkeys(self._always(), 0)
        ages: dict[tuple[str, ...], float | None] = dict.fromkeys(self._always(), 0)
        for cohort, count in pending.items():
            key = (self._cohorts[cohort],)
            changes[key] = (changes.get(key) or 0) + count
        for cohort, age_s in oldest_age_s.items():
            key = (self._cohorts[cohort],)
            ages[key] = max(ages.get(key) or 0, age_s)
        self._show(self.pending_changes, changes)
        self._show(self.oldest_pending_age, ages)
        self._show_targets([*changes, *ages])

    def targets(self, default_s: float, of_cohort: Mapping[str, float]) -> None:
        """Say how long changes may be gathered: by default (`other` too), and where it differs."""
        self._target_s = default_s
        self._targets_s = {self._cohorts[cohort]: age_s for cohort, age_s in of_cohort.items()}
        self._show_targets(self._always())

    def _show_targets(self, keys: Iterable[tuple[str, ...]]) -> None:
        targets = {key: self._targets_s.get(key[0], self._target_s) for key in keys}
        self._show(self.freshness_target, targets)

    def _always(self) -> list[tuple[str, ...]]:
        return [(label,) for label in (*sorted(self._cohorts.named), labels.OTHER)]

    # The delivery loop.

    def request(self, endpoint: str, status: int | str, seconds: float) -> None:
        """Count one attempt: its status, or the reason why there is none."""
        assert endpoint in labels.ENDPOINTS, endpoint
        label = labels.status_label(status)
        counter = self._requests.get((endpoint, label))
        if counter is None:
            counter = self.braze_requests.labels(endpoint, label)
            self._requests[endpoint, label] = counter
        counter.inc()
        self.braze_request_duration.observe(seconds)

    def delivered(self, cohort: str, adds: int, removes: int) -> None:
        """Count the changes of one accepted update.

        Both series of a cohort begin together: who compares removals with adds needs a zero.
        """
        label = self._cohorts[cohort]
        for op, count in zip(labels.OPS, (adds, removes), strict=True):
            self.changes_delivered.labels(label, op).inc(count)

    def latency(self, phase: str, seconds: float) -> None:
        """Count one lane's way from event time to acceptance; clocks that differ give 0."""
        self._latencies[phase].observe(max(0.0, seconds))

    def retried(self, reason: str) -> None:
        """Count an attempt that has to be made again."""
        self.retries.labels(labels.known(reason, labels.RETRY_REASONS, "unexpected")).inc()

    def quota(self, quota: Quota) -> None:
        """Show Braze's quota; what is not known stays as it was."""
        if quota.limit is not None:
            self.braze_quota_limit.set(quota.limit)
        if quota.remaining is not None:
            self.braze_quota_remaining.set(quota.remaining)
        if quota.used_by_others is not None:
            self.braze_quota_used_by_others.set(quota.used_by_others)

    # Both, or whoever watches them.

    def publish_blocked(self, side: str, reasons: Iterable[str]) -> None:
        """Show what waits on this side (`intake`, `delivery`, …); a reason of any side shows."""
        self._blocked = self._blocked | {side: frozenset(reasons)}
        held = frozenset().union(*self._blocked.values())
        assert held <= set(labels.BLOCKED_REASONS), held
        for reason in labels.BLOCKED_REASONS:
            self.blocked.labels(reason).set(reason in held)

    def publish_limit(self, factor: str) -> None:
        """Show the one thing that holds throughput back."""
        assert factor in labels.LIMITING_FACTORS, factor
        for name in labels.LIMITING_FACTORS:
            self.limited_by.labels(name).set(name == factor)

    def _show(self, gauge: Gauge, values: Mapping[tuple[str, ...], float | None]) -> None:
        shown = {key: value for key, value in values.items() if value is not None}
        for key in self._published.get(gauge, set()) - shown.keys():
            gauge.remove(*key)
        for key, value in shown.items():
            gauge.labels(*key).set(value)
        self._published[gauge] = set(shown)
