"""Prometheus' own tool on the rules: they fire when they should, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROMETHEUS = Path(__file__).parents[2] / "deploy" / "prometheus"


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("promtool is missing: install Debian's package prometheus", pytrace=False)
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return found


def _run(promtool: str, *words: str, folder: Path = PROMETHEUS) -> None:
    done = subprocess.run(
        [promtool, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_well_formed(promtool: str) -> None:
    _run(promtool, "check", "rules", "cohortd.rules.yml")


def test_the_compose_files_prometheus_is_configured_well(promtool: str) -> None:
    _run(promtool, "check", "config", "--syntax-only", "../compose/prometheus.yml")


@pytest.mark.parametrize("name", sorted(path.name for path in PROMETHEUS.glob("tests/*.yml")))
def test_an_alert_fires_when_it_should_and_only_then(promtool: str, name: str) -> None:
    _run(promtool, "test", "rules", name, folder=PROMETHEUS / "tests")
