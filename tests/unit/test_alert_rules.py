"""The alerts: each has its page and its test, and asks only for what the daemon has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.metrics import CATALOGUE
from daemon.metrics.catalogue import LATENCY_BUCKETS
from daemon.reasons import BLOCKED

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
_GROUPS = yaml.safe_load((PROMETHEUS / "cohortd.rules.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in _GROUPS for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
EXPECTED = """
CohortdDeliverySlow CohortdBlocked CohortdCredentialsRefused CohortdStuck CohortdPartitionParked
CohortdRetentionRunningOut CohortdQuotaNearlyUsed CohortdDemandAboveQuota CohortdPausedLong
CohortdDeadLetters CohortdDeadLetterUnwritable CohortdRejectRatioHigh CohortdIgnoresEverything
CohortdNoInput CohortdMassRemoval CohortdUncleanHandovers CohortdNoConsumer CohortdConfigDiffers
CohortdCrashLooping
"""


def test_the_alerts_people_route_by_are_there() -> None:
    assert sorted(EXPECTED.split()) == NAMES


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_is_tried_both_ways(name: str) -> None:
    tried = yaml.safe_load((PROMETHEUS / "tests" / f"{name}.yml").read_text())["tests"]

    fires = [bool(case["promql_expr_test"][0]["exp_samples"]) for case in tried]

    assert set(fires) == {True, False}
    assert all(f'alertname="{name}"' in case["promql_expr_test"][0]["expr"] for case in tried)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_what_there_is(rule: dict[str, Any]) -> None:
    recorded = {each["record"] for each in RULES if "record" in each}
    series = re.findall(r"(cohortd[_:][a-z0-9_:]+)(?:\{([^}]*)\})?", rule["expr"])

    for name, matchers in series:
        if ":" in name:
            assert name in recorded
            continue
        known = CATALOGUE[re.sub(r"_(bucket|count|sum)$", "", name.removeprefix("cohortd_"))]
        labels = {*known.labels, *(["le"] if name.endswith("_bucket") else [])}
        assert set(re.findall(r"(\w+)=", matchers)) <= labels
        for reason in re.findall(r'reason=~?"([^"]*)"', matchers):
            assert set(reason.split("|")) <= set(BLOCKED)
        for limit in re.findall(r'le="([^"]*)"', matchers):
            assert float(limit) in LATENCY_BUCKETS
    assert series or "process_start_time_seconds" in rule["expr"]


def test_every_reason_to_wait_that_needs_somebody_has_its_alert() -> None:
    passing = {"parked", "locked", "barrier", "wait", "settle", "quota", "saturated"}
    told = re.findall(r'cohortd_blocked\{reason=~?"([^"]*)"', " ".join(r["expr"] for r in ALERTS))

    assert {reason for each in told for reason in each.split("|")} == set(BLOCKED) - passing
