from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from daemon.core.model import Partition
from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from daemon.metrics import CATALOGUE, BuildInfo, CohortLabels, Metrics, PartitionGauges, Quota
from daemon.metrics.labels import OTHER
from daemon.reasons import BLOCKED

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"

# The names and labels that users' dashboards and alerts are built on.
CONTRACT = """
events_consumed_total{topic,partition} events_rejected_total{topic,reason}
events_ignored_total{topic,rule} changes_superseded_total changes_delivered_total{cohort,op}
dead_letters_total{reason} replayed_events_total braze_requests_total{endpoint,status}
braze_request_duration_seconds retries_total{reason} flush_size delivery_latency_seconds{phase}
pending_changes{cohort} oldest_pending_age_seconds{cohort} freshness_target_seconds{cohort}
in_flight_requests removals_delayed limited_by{factor} consumer_lag{topic,partition}
committed_offset{topic,partition} log_start_offset{topic,partition}
retention_headroom_seconds{topic,partition} partitions{state} rebalances_total{kind}
intent_commits_total{result} unclean_handovers_total braze_quota_limit_requests
braze_quota_remaining_requests braze_quota_used_by_others_requests backoff_seconds
blocked{reason} ready last_success_timestamp_seconds last_poll_timestamp_seconds
intake_turn_seconds
config_info{hash,workspace} build_info{version}
"""

HEARD = Partition("t", 3)


def made(
    named: tuple[str, ...] = (), max_cohorts: int = 3, *, partition_labels: bool = True
) -> tuple[Metrics, CollectorRegistry]:
    registry = CollectorRegistry()
    cohorts = CohortLabels(named, max_cohorts)
    return Metrics(registry, cohorts, partition_labels=partition_labels), registry


def series(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == f"cohortd_{name}"
    }


@pytest.mark.parametrize("declared", CONTRACT.split())
def test_every_metric_of_the_contract_exists(declared: str) -> None:
    name, _, labels = declared.rstrip("}").partition("{")
    _, registry = made()

    page = generate_latest(registry).decode()

    kind = CATALOGUE[name].kind
    assert f"# TYPE cohortd_{name} {kind}\n" in page
    assert set(filter(None, labels.split(","))) <= set(CATALOGUE[name].labels)


def test_help_says_how_to_put_replicas_together() -> None:
    for instrument in CATALOGUE.values():
        assert re.search(r"sum by|max by", instrument.help), instrument.name
        assert instrument.meaning.endswith("."), instrument.name


def test_every_metric_is_documented_in_the_words_of_its_help_and_nothing_else() -> None:
    row = r"^\| `(cohortd_\w+)` \| \w+ \| [^|]+ \| ([^|]+) \|"

    documented = re.findall(row, DOCS.read_text(), re.MULTILINE)

    assert sorted(documented) == sorted((each.name, each.meaning) for each in CATALOGUE.values())


def test_every_reason_for_waiting_is_documented() -> None:
    text = DOCS.read_text()

    for name, reason in BLOCKED.items():
        assert f"| `{name}` | {reason.why} | {reason.remedy} |" in text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("blocked", tuple(BLOCKED)),
        ("limited_by", ("none", "slots", "quota", "braze", "memory", "hold")),
        ("partitions", ("assigned", "paused", "replaying", "parked")),
        ("rebalances_total", ("assigned", "revoked", "lost")),
        ("intent_commits_total", ("accepted", "refused", "failed")),
        ("dead_letters_total", tuple(Reason)),
    ],
)
def test_known_label_values_are_there_from_the_start(name: str, values: tuple[str, ...]) -> None:
    _, registry = made()

    found = series(registry, name)

    assert found == {(value,): 0.0 for value in values}


@pytest.mark.parametrize("status", [201, 400, 401, 403, 404, 408, 413, 423, 429, 503, "tls"])
@pytest.mark.parametrize("endpoint", ["cohorts", "users"])
def test_the_first_answer_of_a_kind_is_counted_up_from_zero(endpoint: str, status: object) -> None:
    _, registry = made()

    found = series(registry, "braze_requests_total")

    assert found[endpoint, str(status)] == 0.0


def test_what_a_configured_topic_may_bring_is_there_from_the_start() -> None:
    metrics, registry = made()

    metrics.declare_topics(["t"])

    assert series(registry, "events_rejected_total") == {(why, "t"): 0.0 for why in Reason}
    assert series(registry, "events_ignored_total") == {(why, "t"): 0.0 for why in Ignored}


def test_no_created_series() -> None:
    metrics, registry = made()
    metrics.delivered("a", 1, 1)

    assert b"_created" not in generate_latest(registry)
    assert b"_created" not in generate_openmetrics(registry)  # type: ignore[no-untyped-call]


def test_a_hundred_thousand_hostile_cohorts_make_a_bounded_number_of_series() -> None:
    metrics, registry = made(named=("vip",), max_cohorts=200)
    metrics.targets(2.0, {})
    hostile = [f'{n}"}}\n\x00\ud800{{\\ {"x" * (n % 300)}' for n in range(100_000)]

    for cohort in hostile:
        metrics.delivered(cohort, 1, 0)
    metrics.publish_cohorts(dict.fromkeys(hostile, 1), dict.fromkeys(hostile, 2.0))

    assert len(series(registry, "pending_changes")) <= 202
    assert len(series(registry, "freshness_target_seconds")) <= 202
    assert len(series(registry, "changes_delivered_total")) <= 404
    assert sum(series(registry, "pending_changes").values()) == 100_000
    assert sum(series(registry, "changes_delivered_total").values()) == 100_000
    assert all(len(label) <= 128 for (label,) in series(registry, "pending_changes"))


def test_a_cohort_with_nothing_pending_keeps_a_series_only_if_named() -> None:
    metrics, registry = made(named=("vip",))
    metrics.publish_cohorts({"vip": 4, "a": 2}, {"a": 7.0})

    metrics.publish_cohorts({}, {})

    assert series(registry, "pending_changes") == {("vip",): 0.0, (OTHER,): 0.0}
    assert series(registry, "oldest_pending_age_seconds") == {("vip",): 0.0, (OTHER,): 0.0}


def test_a_cohort_with_an_age_has_its_target_and_both_go_together() -> None:
    metrics, registry = made(named=("vip",), max_cohorts=1)
    metrics.targets(2.0, {"vip": 60.0})
    assert series(registry, "freshness_target_seconds") == {("vip",): 60.0, (OTHER,): 2.0}

    metrics.publish_cohorts({"a": 2, "b": 1}, {"a": 7.0, "b": 1.0})
    aged = series(registry, "oldest_pending_age_seconds")
    wished = series(registry, "freshness_target_seconds")
    metrics.publish_cohorts({}, {})

    assert wished == {("vip",): 60.0, ("a",): 2.0, (OTHER,): 2.0}
    assert wished.keys() == aged.keys()
    assert series(registry, "freshness_target_seconds") == {("vip",): 60.0, (OTHER,): 2.0}


def test_a_cohort_that_has_only_lost_members_has_a_zero_to_compare_that_with() -> None:
    metrics, registry = made()

    metrics.delivered("a", 0, 20_000)

    delivered = series(registry, "changes_delivered_total")
    assert (delivered["a", "remove"], delivered["a", "add"]) == (20_000.0, 0.0)


def test_other_is_the_sum_of_pending_and_the_oldest_of_ages() -> None:
    metrics, registry = made(max_cohorts=0)

    metrics.publish_cohorts({"a": 4, "b": 2}, {"a": 7.0, "b": 9.0})

    assert series(registry, "pending_changes") == {(OTHER,): 6.0}
    assert series(registry, "oldest_pending_age_seconds") == {(OTHER,): 9.0}


def test_a_partition_that_left_leaves_no_series() -> None:
    metrics, registry = made()
    metrics.consumed(HEARD, 10)
    metrics.publish_partitions([PartitionGauges(HEARD, 1, 2, 0, 60.0)], {"assigned": 1})

    metrics.forget_partition(HEARD)
    metrics.forget_partition(HEARD)
    metrics.publish_partitions([], {})

    for name in ("events_consumed_total", "consumer_lag", "committed_offset", "log_start_offset"):
        assert series(registry, name) == {}
    assert series(registry, "partitions")["assigned",] == 0


def test_an_unknown_number_has_no_series() -> None:
    metrics, registry = made()

    metrics.publish_partitions([PartitionGauges(HEARD, lag=5)], {})

    assert series(registry, "consumer_lag") == {("3", "t"): 5.0}
    assert series(registry, "committed_offset") == {}


def test_without_partition_labels_there_is_one_series_a_topic() -> None:
    metrics, registry = made(partition_labels=False)
    gauges = [
        PartitionGauges(Partition("t", number), 10 + number, 99, 0, 50.0 - number)
        for number in range(4)
    ]

    metrics.consumed(Partition("t", 0), 5)
    metrics.consumed(Partition("t", 1), 5)
    metrics.publish_partitions(gauges, {"assigned": 4})
    metrics.forget_partition(Partition("t", 0))

    assert series(registry, "events_consumed_total") == {("", "t"): 10.0}
    assert series(registry, "consumer_lag") == {("", "t"): 46.0}
    assert series(registry, "retention_headroom_seconds") == {("", "t"): 47.0}
    assert series(registry, "committed_offset") == {}


def test_blocked_shows_the_reasons_of_both_sides() -> None:
    metrics, registry = made()
    metrics.publish_blocked("intake", ["kafka", "lease"])
    metrics.publish_blocked("delivery", ["quota", "lease"])

    metrics.publish_blocked("intake", [])

    held = {label for (label,), value in series(registry, "blocked").items() if value}
    assert held == {"quota", "lease"}


def test_one_factor_limits_at_a_time() -> None:
    metrics, registry = made()
    metrics.publish_limit("slots")

    metrics.publish_limit("quota")

    assert {k for (k,), value in series(registry, "limited_by").items() if value} == {"quota"}


def test_unknown_reasons_fall_into_known_series() -> None:
    metrics, registry = made()
    before = len(series(registry, "retries_total"))

    for number in range(1_000):
        metrics.retried(f"r{number}")
        metrics.ignored("t", {f"rule{number}": 1})

    assert len(series(registry, "retries_total")) == before
    assert series(registry, "events_ignored_total").keys() == {(OTHER, "t")}
    assert sum(series(registry, "events_ignored_total").values()) == 1_000


def test_quota_is_unknown_until_heard_and_keeps_what_is_not_said() -> None:
    metrics, registry = made()
    (unheard,) = series(registry, "braze_quota_remaining_requests").values()

    metrics.quota(Quota(limit=250_000, remaining=9))
    metrics.quota(Quota(remaining=8))

    assert unheard != unheard  # noqa: PLR0124  NaN.
    assert series(registry, "braze_quota_limit_requests") == {(): 250_000.0}
    assert series(registry, "braze_quota_remaining_requests") == {(): 8.0}


def test_what_runs_and_what_the_log_lost_is_on_the_page() -> None:
    metrics, registry = made()

    metrics.started(BuildInfo("1.2.3", "2.16.1", "3f9c", "acme"), lambda: 7)

    assert ("3f9c", "acme") in series(registry, "config_info")
    assert any("1.2.3" in key for key in series(registry, "build_info"))
    assert series(registry, "log_lines_dropped_total") == {(): 7.0}
    assert b"process_resident_memory_bytes" in generate_latest(registry)


def test_clocks_that_differ_give_no_negative_latency() -> None:
    metrics, registry = made()

    metrics.latency("live", -5.0)

    assert series(registry, "delivery_latency_seconds_sum")["live",] == 0


def test_two_thousand_series_are_scraped_in_a_fifth_of_a_second() -> None:
    metrics, registry = made()
    rows = [PartitionGauges(Partition("t", n), n, n, n, 1.0) for n in range(500)]
    metrics.publish_partitions(rows, {"assigned": 500})

    spent = []
    for _ in range(3):
        began = time.thread_time()  # What it costs, not what neighbours on the machine cost.
        page = generate_latest(registry)
        spent.append(time.thread_time() - began)

    assert sum(not line.startswith(b"#") for line in page.splitlines()) >= 2_000
    assert min(spent) <= 0.2
