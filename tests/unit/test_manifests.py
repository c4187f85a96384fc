"""The plain manifests: what pods may do, how long they get, and what they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.config.settings import load

ROOT = Path(__file__).parents[2]
FOUND: list[dict[str, Any]] = [
    each
    for each in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "cohortd.yaml").read_text())
    if each
]
BY_KIND = {each["kind"]: each for each in FOUND}
POD: dict[str, Any] = BY_KIND["Deployment"]["spec"]["template"]["spec"]
CONTAINERS = [*POD["initContainers"], *POD["containers"]]


def test_there_is_all_that_a_release_needs() -> None:
    assert set(BY_KIND) == {
        "Deployment",
        "ConfigMap",
        "ServiceAccount",
        "PodDisruptionBudget",
        "NetworkPolicy",
    }


def test_the_pod_is_restricted() -> None:
    security = POD["securityContext"]

    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] >= 10_000
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    assert BY_KIND["ServiceAccount"]["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container["name"])
def test_a_container_may_do_nothing_more_than_it_needs(container: dict[str, Any]) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert not any("KEY" in entry["name"] for entry in container.get("env", []))


def test_the_check_before_the_start_asks_nobody() -> None:
    check, run = CONTAINERS

    assert check["args"][0] == "check"
    assert "--online" not in check["args"]
    assert (run["args"][0], run["args"][1:]) == ("run", check["args"][1:])


def test_probes_ask_what_they_are_for() -> None:
    probes = {name: POD["containers"][0][f"{name}Probe"] for name in ("liveness", "readiness")}

    assert probes["liveness"]["httpGet"]["path"] == "/livez"
    assert probes["readiness"]["httpGet"]["path"] == "/readyz"


def test_the_configuration_is_taken_and_a_stop_has_time_enough(tmp_path: Path) -> None:
    files = []
    for name, text in sorted(BY_KIND["ConfigMap"]["data"].items()):
        (tmp_path / name).write_text(text.replace("/run/secrets/braze", str(tmp_path)))
        files.append(tmp_path / name)
    for key in ("partner_api_key", "data_import_key"):
        (tmp_path / key).write_text(f"example-{key}")

    settings = load(files, {})

    assert POD["terminationGracePeriodSeconds"] >= settings.shutdown.grace + 10
    assert POD["containers"][0]["ports"][0]["containerPort"] == settings.admin.port


def test_the_example_of_topics_keeps_dead_letters_for_days_only() -> None:
    text = (ROOT / "deploy" / "kafka" / "topics.yaml").read_text()
    topics = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(text)}

    day_ms = 24 * 3600 * 1000
    letters, members = topics["cohort.membership.dlq"], topics["cohort.membership"]
    assert letters["config"]["retention.ms"] <= 7 * day_ms
    assert letters["config"]["cleanup.policy"] == "delete"
    assert members["config"]["retention.ms"] > 7 * day_ms
    assert topics["cohort.names"]["config"]["cleanup.policy"] == "compact"
    assert all(
        topic["config"]["min.insync.replicas"] < topic["replicas"] for topic in topics.values()
    )
