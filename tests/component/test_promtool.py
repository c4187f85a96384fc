"""Prometheus' own tools: the rules fire when they should, and only then, and reach somebody."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.tools import debian_tool

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.fixture(scope="session")
def promtool() -> str:
    return debian_tool("promtool", "prometheus")


@pytest.fixture(scope="session")
def amtool() -> str:
    return debian_tool("amtool", "prometheus-alertmanager")


def _run(tool: str, *words: str, folder: Path = PROMETHEUS) -> str:
    done = subprocess.run([tool, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_well_formed(promtool: str) -> None:
    _run(promtool, "check", "rules", "cohortd.rules.yml")


def test_the_compose_files_prometheus_is_configured_well(promtool: str) -> None:
    _run(promtool, "check", "config", "--syntax-only", "../compose/prometheus.yml")


@pytest.mark.parametrize("name", sorted(path.name for path in PROMETHEUS.glob("tests/*.yml")))
def test_an_alert_fires_when_it_should_and_only_then(promtool: str, name: str) -> None:
    _run(promtool, "test", "rules", name, folder=PROMETHEUS / "tests")


def test_the_example_of_an_alertmanager_is_configured_well(amtool: str) -> None:
    _run(amtool, "check-config", "alertmanager.example.yml")


@pytest.mark.parametrize(
    ("alert", "severity", "receiver"),
    [
        ("CohortdStuck", "critical", "pager"),
        ("CohortdDeadLetters", "warning", "channel"),
        ("SomebodyElses", "critical", "channel"),
    ],
)
def test_what_is_critical_pages(amtool: str, alert: str, severity: str, receiver: str) -> None:
    labels = [f"alertname={alert}", f"severity={severity}"]

    told = _run(
        amtool, "config", "routes", "test", "--config.file=alertmanager.example.yml", *labels
    )

    assert told.strip() == receiver
