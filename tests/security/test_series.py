"""A million hostile cohorts: how many series there are, and what one scrape of them costs."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from daemon.config.sections import MetricsSettings
from daemon.core.model import Partition
from daemon.metrics import CATALOGUE, CohortLabels, Metrics, PartitionGauges
from daemon.metrics.labels import LABEL_LENGTH_MAX, REJECT_REASONS

COHORTS = 1_000_000
A_BATCH = 10_000
SERIES_MAX = 2_000
SCRAPE_BYTES_MAX = 1024 * 1024
SCRAPE_CPU_S_MAX = 0.2

# What a hostile producer may call a cohort: newlines, terminals' escapes, quotes, braces, Unicode.
_NASTY = ('"} 1\n', "\x1b[31m", "\\", "💥" * 50, "\u202e", "x" * 256, "{}", "\x00", "# HELP ")
_TOPIC = "cohort.membership"
_PARTITIONS = 12


def _hostile(number: int) -> str:
    return f"{_NASTY[number % len(_NASTY)]}{number}"


def _besieged() -> CollectorRegistry:
    """Return the metrics, on their default settings, after a million cohorts and all else."""
    registry = CollectorRegistry()
    metrics = Metrics(registry, CohortLabels(["vip"], MetricsSettings().max_cohorts))
    metrics.declare_topics([_TOPIC])
    metrics.targets(2.0, {})
    for first in range(0, COHORTS, A_BATCH):
        ids = [_hostile(number) for number in range(first, first + A_BATCH)]
        metrics.publish_cohorts(dict.fromkeys(ids, 1), dict.fromkeys(ids, 1.0))
        for cohort in ids:
            metrics.delivered(cohort, 1, 1)
        metrics.ignored(_TOPIC, dict.fromkeys(ids[:100], 1))
        for word in ids[:100]:
            metrics.retried(word)
            metrics.rejected(_TOPIC, word)
            metrics.dead_lettered(word)
    for status in range(1_000):
        metrics.request("users", status, 0.1)
        metrics.request("cohorts", f"<{status}>", 0.1)
    partitions = [Partition(_TOPIC, number) for number in range(_PARTITIONS)]
    for partition in partitions:
        metrics.consumed(partition, 1)
    metrics.publish_partitions([PartitionGauges(p, 1, 1, 1, 1.0) for p in partitions], {})
    return registry


def test_a_million_hostile_cohorts_make_few_series_and_a_small_quick_page() -> None:
    registry = _besieged()

    spent_s, pages = [], []
    for render in (generate_latest, generate_openmetrics) * 3:
        begun_s = time.thread_time()
        pages.append(render(registry))
        spent_s.append(time.thread_time() - begun_s)

    lines = pages[0].decode().split("\n")
    series = [line for line in lines if line and not line.startswith("#")]
    print(f"{len(series)} series, {len(pages[0])} bytes, {min(spent_s) * 1000:.0f} ms")
    assert len(series) <= SERIES_MAX
    assert max(map(len, pages)) <= SCRAPE_BYTES_MAX
    # The quickest of some: what a busy machine adds is not the page's.
    assert min(spent_s) <= SCRAPE_CPU_S_MAX
    # Each line is one of ours: no text of a producer began one.
    assert all(line.startswith(("cohortd_", "process_", "python_")) for line in series)


def test_every_label_is_of_a_list_that_is_closed_or_bounded() -> None:
    """Where a new label comes up, somebody says here what bounds it."""
    bounded_by = {
        "cohort": "CohortLabels",
        "endpoint": "ENDPOINTS",
        "factor": "LIMITING_FACTORS",
        "hash": "one a process",
        "kind": "REBALANCES",
        "librdkafka": "one a process",
        "op": "OPS",
        "partition": "what this replica owns; partition_labels turns it off",
        "phase": "PHASES",
        "python": "one a process",
        "reason": "REJECT_REASONS, RETRY_REASONS or BLOCKED_REASONS",
        "result": "COMMIT_RESULTS",
        "rule": "IGNORE_RULES",
        "state": "PARTITION_STATES",
        "status": "status_label",
        "topic": "the configuration",
        "version": "one a process",
        "workspace": "one a process",
    }

    assert {label for each in CATALOGUE.values() for label in each.labels} == set(bounded_by)
    assert len(set(REJECT_REASONS)) == len(REJECT_REASONS)
    assert LABEL_LENGTH_MAX <= 128
