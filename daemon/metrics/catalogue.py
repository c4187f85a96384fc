"""What is measured: name, kind, labels and meaning of every series. Data only.

A help text ends with how to put replicas together: `sum by` for what is this replica's own (the
worst of them where a sum means nothing), `max by` for what all see of the one workspace.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["counter", "gauge", "histogram"]
Scope: TypeAlias = Literal["replica", "worst", "least", "workspace"]

PREFIX: Final = "cohortd_"
LATENCY_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
REQUEST_BUCKETS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TURN_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
SIZE_BUCKETS: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 4000, 8000, 16000)

_ADD_UP: dict[Scope, str] = {
    "replica": "This replica's: sum by.",
    "worst": "This replica's (not sum by, but max by).",
    "least": "This replica's (not sum by, but min by).",
    "workspace": "The workspace's: max by.",
}


class Instrument(msgspec.Struct, frozen=True):
    """One metric family; `name` is as scraped, with prefix and suffix."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    scope: Scope = "replica"
    buckets: tuple[float, ...] = ()

    @property
    def help(self) -> str:
        """The help text on the metrics page."""
        return f"{self.meaning} {_ADD_UP[self.scope]}"


def _counter(name: str, meaning: str, *labels: str) -> Instrument:
    return Instrument(PREFIX + name, "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str, scope: Scope = "replica") -> Instrument:
    return Instrument(PREFIX + name, "gauge", meaning, labels, scope)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Instrument:
    return Instrument(PREFIX + name, "histogram", meaning, labels, buckets=buckets)


_EVENTS: Final = (
    _counter("events_consumed_total", "Records read.", "topic", "partition"),
    _counter("events_rejected_total", "Records that can't be used.", "topic", "reason"),
    _counter("events_ignored_total", "Records left out on purpose.", "topic", "rule"),
    _counter("changes_superseded_total", "Changes replaced by a newer one before they were sent."),
    _counter("changes_delivered_total", "Membership changes Braze accepted.", "cohort", "op"),
    _counter("dead_letters_total", "Dead letters written and acknowledged.", "reason"),
    _counter(
        "dead_letters_failed_total", "Times Kafka did not take a dead letter; each is tried again."
    ),
    _counter(
        "replayed_events_total",
        "Records read below a barrier: again after a hand-over, or what the log held at a first"
        " start.",
    ),
    _counter("lane_disagreements_total", "Members whose changes stood in two partitions."),
    _counter("renames_total", "New names of cohorts announced to Braze."),
)

_BRAZE: Final = (
    _counter("braze_requests_total", "Attempts at Braze, by answer.", "endpoint", "status"),
    _histogram(
        "braze_request_duration_seconds", "Seconds of one attempt at Braze.", REQUEST_BUCKETS
    ),
    _counter("braze_answer_errors_total", "Entries of `errors` in answers Braze accepted."),
    _counter(
        "late_requests_total",
        "Requests that may have left after their deadline, since the process stood still in the"
        " act of sending; the one way to send for a partition that is another's by now.",
    ),
    _counter("retries_total", "Attempts that have to be made again.", "reason"),
    _histogram(
        "flush_size",
        "Members of one request that Braze accepted, at most 1,000; a flush may need several.",
        SIZE_BUCKETS,
    ),
    _histogram(
        "delivery_latency_seconds",
        "Seconds from event time to Braze's acceptance; backfill is what the log held at the"
        " group's first start.",
        LATENCY_BUCKETS,
        "phase",
    ),
    _gauge("in_flight_requests", "Requests on the wire."),
    _gauge("request_slots", "Requests that may be on the wire at once (max_in_flight)."),
    _gauge(
        "braze_quota_limit_requests",
        "Requests an hour that Braze allows; NaN: not heard yet.",
        scope="workspace",
    ),
    _gauge(
        "braze_quota_remaining_requests",
        "Requests left of Braze's present hour; NaN: not heard yet.",
        scope="workspace",
    ),
    _gauge(
        "braze_quota_used_by_others_requests",
        "Requests of the present hour this replica did not send; NaN: not heard yet.",
        scope="workspace",
    ),
    _gauge("backoff_seconds", "Seconds until the longest wait for a retry ends.", scope="worst"),
    _gauge(
        "last_success_timestamp_seconds",
        "Unix time when Braze last accepted an update; 0: never yet.",
        scope="worst",
    ),
)

_PENDING: Final = (
    _gauge("pending_changes", "Changes read and not yet accepted by Braze.", "cohort"),
    _gauge("pending_changes_limit", "Changes that may be pending before reading waits."),
    _gauge(
        "oldest_pending_age_seconds",
        "Seconds the oldest change has been pending.",
        "cohort",
        scope="worst",
    ),
    _gauge(
        "freshness_target_seconds",
        "Seconds a change may be gathered before it is sent (max_age).",
        "cohort",
        scope="workspace",
    ),
    _gauge("removals_delayed", "Removals kept back for an add that cancels them."),
    _gauge("limited_by", "1 for what holds throughput back now, else 0.", "factor", scope="worst"),
    _gauge("blocked", "1 while something waits for this reason, else 0.", "reason", scope="worst"),
    _gauge("ready", "1 while the daemon is ready, else 0.", scope="least"),
)

_KAFKA: Final = (
    _gauge("consumer_lag", "Records between position and log end.", "topic", "partition"),
    _gauge("committed_offset", "Offset last committed.", "topic", "partition"),
    _gauge("log_start_offset", "First offset still in the log.", "topic", "partition"),
    _gauge(
        "retention_headroom_seconds",
        "Seconds until Kafka may delete the first record not yet committed: what retention.ms"
        " leaves of its age, or the time the log's start takes to it at its pace, where size limits"
        " the log. 0: it may be gone; +Inf: never; no series: not known.",
        "topic",
        "partition",
        scope="least",
    ),
    _gauge(
        "partitions",
        "Partitions by state: all that are assigned, and those of them that are paused, replaying"
        " (or waiting to be sent from) or parked.",
        "state",
    ),
    _counter("partitions_added_total", "Partitions added to topics while running."),
    _counter("rebalances_total", "Partitions that came or went.", "kind"),
    _counter("intent_commits_total", "Commits of offsets and intent, by answer.", "result"),
    _counter("unclean_handovers_total", "Partitions taken over from an owner that did not end."),
    _counter(
        "barrier_opened_total", "Replay barriers opened before their end, since memory was full."
    ),
    _gauge(
        "last_poll_timestamp_seconds",
        "Unix time when Kafka was last polled; 0: never yet.",
        scope="least",
    ),
    _histogram(
        "intake_turn_seconds",
        "Seconds of one turn of the intake loop; only handing partitions over may take long.",
        TURN_BUCKETS,
    ),
)

_PROCESS: Final = (
    _gauge("config_info", "1, with what is configured.", "hash", "workspace", scope="workspace"),
    _gauge(
        "build_info", "1, with what is running.", "version", "python", "librdkafka",
        scope="workspace",
    ),
    _counter("secrets_reloaded_total", "Secrets whose file had new content."),
    _counter("log_lines_dropped_total", "Log lines lost since their reader stood still."),
)  # fmt: skip

CATALOGUE: Final = {
    instrument.name.removeprefix(PREFIX): instrument
    for instrument in (*_EVENTS, *_BRAZE, *_PENDING, *_KAFKA, *_PROCESS)
}
