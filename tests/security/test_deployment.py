"""What pods, the network and the image let the daemon do, for every set of values there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.component.test_chart import SETS, _render, helm

__all__ = ["helm"]

ROOT = Path(__file__).resolve().parents[2]
_PODS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"}
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
FINAL_STAGE = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]


@pytest.mark.parametrize("name", SETS)
def test_every_set_of_values_makes_restricted_pods(helm: str, name: str) -> None:
    found = _render(helm, name)

    pods = [each["spec"]["template"]["spec"] for each in found if each["kind"] in _PODS]
    assert pods
    for pod in pods:
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 10_000
        assert security["seccompProfile"]["type"] == "RuntimeDefault"
        assert pod["automountServiceAccountToken"] is False
        assert not any(pod.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
        assert not any("hostPath" in volume for volume in pod["volumes"])
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            _check(container)
    assert not [each for each in found if each["kind"] in {"ClusterRole", "Role", "RoleBinding"}]


def _check(container: dict[str, Any]) -> None:
    security = container["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert not security.get("privileged")
    assert container["resources"]["limits"].keys() >= {"cpu", "memory"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])


def test_the_network_policy_lets_out_what_is_named_and_in_who_scrapes(helm: str) -> None:
    [policy] = [
        each for each in _render(helm, "production-values.yaml") if each["kind"] == "NetworkPolicy"
    ]
    spec = policy["spec"]

    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}  # All that is not named is denied.
    assert spec["podSelector"]["matchLabels"]
    assert [rule["ports"] for rule in spec["ingress"]] == [[{"protocol": "TCP", "port": "admin"}]]
    assert all(rule["from"] for rule in spec["ingress"])
    ports = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    assert ports >= {53, 443}
    assert all(rule.get("ports") for rule in spec["egress"])  # Nowhere to every port.


def test_the_image_runs_as_nobody_with_neither_pip_nor_a_build() -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", FINAL_STAGE, re.MULTILINE)

    assert users == [("65532", "65532")]
    assert "\nRUN " not in FINAL_STAGE
    assert "\nADD " not in DOCKERFILE
    assert "--without-pip /opt/cohortd" in DOCKERFILE
    assert 'ENTRYPOINT ["/opt/cohortd/bin/cohortd"]' in FINAL_STAGE  # No shell around it.
    assert re.findall(r"^COPY --from=build (\S+) (\S+)$", FINAL_STAGE, re.MULTILINE) == [
        ("/opt/cohortd", "/opt/cohortd")
    ]


def test_whatever_the_image_installs_is_locked_with_hashes() -> None:
    installs = re.findall(
        r"pip (?:--python \S+ )?install (.*?)(?:&&|\n\n|$)", DOCKERFILE, re.DOTALL
    )

    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install
    assert not re.search(r"curl|wget|apt-get|https?://", DOCKERFILE)


def test_with_the_extra_the_image_has_the_same_versions_and_more() -> None:
    [chosen] = re.findall(r"^ARG EXTRAS=(\w+)$", DOCKERFILE, re.MULTILINE)
    plain, more = (
        set(re.findall(r"^\S+==\S+", lock.read_text(encoding="utf-8"), re.MULTILINE))
        for lock in (ROOT / "requirements" / f"{name}.txt" for name in ("run", chosen))
    )

    assert '-r "requirements/${EXTRAS:-run}.txt"' in DOCKERFILE
    assert plain < more


def test_nothing_but_what_the_image_needs_reaches_its_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        *("!daemon", "!schemas", "!requirements", "!pyproject.toml", "!README.md", "!LICENSE")
    }
