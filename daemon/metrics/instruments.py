"""The instruments themselves: one attribute each, made from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from daemon.metrics import labels
from daemon.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client import CollectorRegistry

# `_created` doubles the series of every counter and says what `process_start_time_seconds` says.
disable_created_metrics()  # type: ignore[no-untyped-call]

_UNKNOWN = float("nan")  # A zero would say that the quota is used up.


class Instruments:
    """Every instrument of the catalogue on one registry, known label values at zero already.

    A series that appears only with its first event can't be alerted on; so closed label values
    exist from the start.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._make_events()
        self._make_braze()
        self._make_pending()
        self._make_kafka()
        self._make_process()

    def _make_events(self) -> None:
        self.events_consumed = self._counter("events_consumed_total")
        self.events_rejected = self._counter("events_rejected_total")
        self.events_ignored = self._counter("events_ignored_total")
        self.changes_superseded = self._counter("changes_superseded_total")
        self.changes_delivered = self._counter("changes_delivered_total")
        self.dead_letters = self._counter("dead_letters_total", labels.REJECT_REASONS)
        self.dead_letters_failed = self._counter("dead_letters_failed_total")
        self.replayed_events = self._counter("replayed_events_total")
        self.lane_disagreements = self._counter("lane_disagreements_total")
        self.renames = self._counter("renames_total")

    def _make_braze(self) -> None:
        self.braze_requests = self._counter("braze_requests_total")
        for endpoint in labels.ENDPOINTS:
            for status in (*labels.STATUSES, *labels.FAILURES):
                self.braze_requests.labels(endpoint, status)
        self.braze_request_duration = self._histogram("braze_request_duration_seconds")
        self.braze_answer_errors = self._counter("braze_answer_errors_total")
        self.late_requests = self._counter("late_requests_total")
        self.retries = self._counter("retries_total", labels.RETRY_REASONS)
        self.flush_size = self._histogram("flush_size")
        self.delivery_latency = self._histogram("delivery_latency_seconds", labels.PHASES)
        self.in_flight_requests = self._gauge("in_flight_requests")
        self.request_slots = self._gauge("request_slots")
        self.braze_quota_limit = self._gauge("braze_quota_limit_requests")
        self.braze_quota_remaining = self._gauge("braze_quota_remaining_requests")
        self.braze_quota_used_by_others = self._gauge("braze_quota_used_by_others_requests")
        for quota in (
            self.braze_quota_limit,
            self.braze_quota_remaining,
            self.braze_quota_used_by_others,
        ):
            quota.set(_UNKNOWN)
        self.backoff = self._gauge("backoff_seconds")
        self.last_success = self._gauge("last_success_timestamp_seconds")

    def _make_pending(self) -> None:
        self.pending_changes = self._gauge("pending_changes")
        self.pending_changes_limit = self._gauge("pending_changes_limit")
        self.oldest_pending_age = self._gauge("oldest_pending_age_seconds")
        self.freshness_target = self._gauge("freshness_target_seconds")
        self.removals_delayed = self._gauge("removals_delayed")
        self.limited_by = self._gauge("limited_by", labels.LIMITING_FACTORS)
        self.blocked = self._gauge("blocked", labels.BLOCKED_REASONS)
        self.ready = self._gauge("ready")

    def _make_kafka(self) -> None:
        self.consumer_lag = self._gauge("consumer_lag")
        self.committed_offset = self._gauge("committed_offset")
        self.log_start_offset = self._gauge("log_start_offset")
        self.retention_headroom = self._gauge("retention_headroom_seconds")
        self.partitions = self._gauge("partitions", labels.PARTITION_STATES)
        self.partitions_added = self._counter("partitions_added_total")
        self.rebalances = self._counter("rebalances_total", labels.REBALANCES)
        self.intent_commits = self._counter("intent_commits_total", labels.COMMIT_RESULTS)
        self.unclean_handovers = self._counter("unclean_handovers_total")
        self.barrier_opened = self._counter("barrier_opened_total")
        self.last_poll = self._gauge("last_poll_timestamp_seconds")
        self.intake_turn = self._histogram("intake_turn_seconds")

    def _make_process(self) -> None:
        self.config_info = self._gauge("config_info")
        self.build_info = self._gauge("build_info")
        self.secrets_reloaded = self._counter("secrets_reloaded_total")
        self.log_lines_dropped = Reading("log_lines_dropped_total")
        self._registry.register(self.log_lines_dropped)

    def _counter(self, key: str, values: Iterable[str] = ()) -> Counter:
        declared = CATALOGUE[key]
        made = Counter(declared.name, declared.help, declared.labels, registry=self._registry)
        for value in values:
            made.labels(value)
        return made

    def _gauge(self, key: str, values: Iterable[str] = ()) -> Gauge:
        declared = CATALOGUE[key]
        made = Gauge(declared.name, declared.help, declared.labels, registry=self._registry)
        for value in values:
            made.labels(value)
        return made

    def _histogram(self, key: str, values: Iterable[str] = ()) -> Histogram:
        declared = CATALOGUE[key]
        made = Histogram(
            declared.name,
            declared.help,
            declared.labels,
            registry=self._registry,
            buckets=declared.buckets,
        )
        for value in values:
            made.labels(value)
        return made


class Reading(Collector):
    """A counter that is kept elsewhere and read when somebody scrapes."""

    def __init__(self, key: str) -> None:
        self._declared = CATALOGUE[key]
        self._read: Callable[[], int] = int

    def follow(self, read: Callable[[], int]) -> None:
        """Ask this function from now on; it must be quick and callable from any thread."""
        self._read = read

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Return the family with its present value."""
        yield CounterMetricFamily(self._declared.name, self._declared.help, value=self._read())
