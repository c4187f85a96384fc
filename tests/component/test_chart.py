"""The Helm chart, rendered by Helm itself and held against the schemas of what it makes."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.config.durations import parse_duration
from tests.support.tools import TOOLS, tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart" / "cohortd"
SETS = sorted(path.name for path in (CHART / "ci").glob("*.yaml"))


@pytest.fixture(scope="session")
def helm() -> str:
    return tool("helm")


def _helm(helm: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [helm, *words, "--kube-version", "1.31.0"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _render(helm: str, name: str, *more: str) -> list[dict[str, Any]]:
    values = str(CHART / "ci" / name)
    done = _helm(helm, "template", "cohortd", str(CHART), "-f", values, *more)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_values_is_well_formed(helm: str, name: str) -> None:
    done = _helm(helm, "lint", "--strict", str(CHART), "-f", str(CHART / "ci" / name))

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SETS)
def test_what_it_makes_is_what_kubernetes_and_the_operators_take(helm: str, name: str) -> None:
    check = tool("kubeconform")
    made = _helm(helm, "template", "cohortd", str(CHART), "-f", str(CHART / "ci" / name)).stdout
    schemas = f"{TOOLS}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"

    done = subprocess.run(
        [check, "-strict", "-summary", "-schema-location", schemas, "-"],
        input=made,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


def test_the_charts_own_tests_pass() -> None:
    done = subprocess.run(
        [tool("helm-unittest"), str(CHART)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tests:       0 passed" not in done.stdout


def test_the_plain_manifests_are_the_chart_with_its_smallest_values(helm: str) -> None:
    kept = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "cohortd.yaml").read_text())

    assert _render(helm, "minimal-values.yaml") == [each for each in kept if each], "make manifests"


def test_production_has_its_monitor_rules_and_dashboard(helm: str) -> None:
    found = {each["kind"]: each for each in _render(helm, "production-values.yaml")}

    rules = [rule for group in found["PrometheusRule"]["spec"]["groups"] for rule in group["rules"]]
    pages = [rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule]
    assert len(pages) == 20
    assert all(page.startswith("https://docs.example.com/cohortd/docs/runbooks/") for page in pages)
    assert found["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"] == "admin"
    pod = found["Deployment"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 75
    assert {volume["name"] for volume in pod["volumes"]} == {
        "config",
        "braze-secret",
        "kafka-secret",
        "registry-secret",
    }


def test_keda_decides_on_replicas_and_the_deployment_does_not(helm: str) -> None:
    found = {each["kind"]: each for each in _render(helm, "keda-values.yaml")}

    assert "replicas" not in found["Deployment"]["spec"]
    scaled = found["ScaledObject"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == found["Deployment"]["metadata"]["name"]
    assert scaled["maxReplicaCount"] == 12
    assert [trigger["metadata"]["topic"] for trigger in scaled["triggers"]] == ["cohort.membership"]


@pytest.mark.parametrize("grace", ["1000ms", "30000ms", "12345.6ms", "30s", "1.1m", "0.25h"])
def test_a_pod_has_the_daemons_grace_and_15_seconds_more(helm: str, grace: str) -> None:
    made = _render(helm, "minimal-values.yaml", "--set", f"config.shutdown.grace={grace}")

    [pod] = [each["spec"]["template"]["spec"] for each in made if each["kind"] == "Deployment"]
    assert pod["terminationGracePeriodSeconds"] == math.ceil(parse_duration(grace)) + 15


@pytest.mark.parametrize("grace", ["30", "1e3s", "0x1Es", ".5m", "1d", "never", "-1s"])
def test_a_grace_that_the_daemon_cannot_read_is_refused(helm: str, grace: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(grace)

    values = str(CHART / "ci" / "minimal-values.yaml")
    change = f"config.shutdown.grace={grace}"
    done = _helm(helm, "template", "cohortd", str(CHART), "-f", values, "--set-string", change)

    assert done.returncode != 0
    assert f"config.shutdown.grace: {grace} is no time" in done.stderr


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (["config=null"], "config: say what to read and where to"),
        (["config.admin.port=9000"], "config.admin.port: set adminPort instead"),
        (["config.shutdown.grace=soon"], "config.shutdown.grace: soon is no time"),
        (["replicas=3"], "replicas"),
        (["keda.enabled=true", "keda.minReplicas=2"], "keda.maxReplicas: 1 is less than"),
        (["keda.enabled=true", "config.inputs=null"], "keda.topics: name the topics"),
    ],
)
def test_a_mistake_is_refused_with_the_value_it_is_in(
    helm: str, changes: list[str], told: str
) -> None:
    values = str(CHART / "ci" / "minimal-values.yaml")
    sets = [word for change in changes for word in ("--set", change)]

    done = _helm(helm, "template", "cohortd", str(CHART), "-f", values, *sets)

    assert done.returncode != 0
    assert told in done.stderr


def test_the_charts_page_is_made_from_its_values() -> None:
    done = subprocess.run(
        [tool("helm-docs"), "--chart-search-root", str(CHART.parent), "--dry-run"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == (CHART / "README.md").read_text().strip(), "make manifests"
