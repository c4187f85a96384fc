"""The chart at Kubernetes' own API server: what Helm does with it, and what the server says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.component.test_chart import CHART, ROOT, SETS

if TYPE_CHECKING:
    from tests.k8s.conftest import Namespace
    from tests.support.api_server import ApiServer, Done

_PLAIN = ROOT / "deploy" / "kubernetes" / "cohortd.yaml"
_BREACH = "securityContext.allowPrivilegeEscalation=true"


def _release(namespace: Namespace, name: str, values: str, *more: str) -> Done:
    file = str(CHART / "ci" / values)
    return namespace.helm("upgrade", "--install", name, str(CHART), "--values", file, *more)


def _well(done: Done) -> None:
    """Check that it was done, and that nobody warned of anything."""
    assert (done.code, done.complaints) == (0, "")


def _notes_of(objects: dict[str, Any]) -> set[str]:
    """Return Helm's own notes of its releases."""
    return {each for each in objects if each.startswith("Secret/sh.helm.release.")}


def _state(namespace: Namespace) -> dict[str, Any]:
    objects = namespace.objects()
    return {each: objects[each] for each in objects.keys() - _notes_of(objects)}


def _labelled(server: ApiServer, label: str) -> list[dict[str, Any]]:
    """Return what has this label anywhere, outside of namespaces too."""
    return server.found(",".join(server.kinds()), "--all-namespaces", "--selector", label)


def _pod(namespace: Namespace) -> dict[str, Any]:
    """Return the pod that the only Deployment wants, as its controller would ask for it."""
    (deployment,) = namespace.server.found("deployments", "--namespace", namespace.name)
    template = deployment["spec"]["template"]
    metadata = {"generateName": "pod-", "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("values", SETS)
def test_a_release_comes_changes_goes_back_and_leaves_nothing(
    namespace: Namespace, values: str
) -> None:
    before = namespace.objects()

    _well(_release(namespace, "acme", values))
    first = _state(namespace)
    _well(_release(namespace, "acme", values, "--set", "adminPort=9090"))
    second = _state(namespace)
    _well(namespace.helm("rollback", "acme", "1"))
    third = _state(namespace)
    _well(namespace.helm("uninstall", "acme"))

    assert any(each.startswith("Deployment/") for each in first)
    assert first.keys() == second.keys()
    assert first != second
    assert third == first
    assert namespace.objects() == before
    assert _labelled(namespace.server, "app.kubernetes.io/instance=acme") == []


@pytest.mark.parametrize("values", SETS)
def test_its_pods_are_admitted_where_only_restricted_ones_are(
    namespace: Namespace, values: str
) -> None:
    _well(_release(namespace, "acme", values))

    _well(namespace.kubectl("create", "--dry-run=server", "-f", "-", given=_pod(namespace)))


def test_what_is_not_restricted_draws_a_warning_and_its_pods_are_refused(
    namespace: Namespace,
) -> None:
    done = _release(namespace, "acme", "minimal-values.yaml", "--set", _BREACH)
    refused = namespace.kubectl("create", "--dry-run=server", "-f", "-", given=_pod(namespace))

    assert done.code == 0
    assert "Warning: would violate PodSecurity" in done.complaints
    assert "allowPrivilegeEscalation != false" in done.complaints
    assert refused.code != 0
    assert "violates PodSecurity" in refused.complaints


def test_two_releases_stand_side_by_side_and_one_goes_alone(namespace: Namespace) -> None:
    _well(_release(namespace, "production", "minimal-values.yaml"))
    alone = _state(namespace)

    _well(_release(namespace, "staging", "environment-values.yaml"))
    both = _state(namespace)
    _well(namespace.helm("uninstall", "staging"))

    assert len(both) > len(alone)
    assert {each: both[each] for each in alone} == alone
    chosen = [
        wanted["spec"]["selector"]["matchLabels"]
        for each, wanted in both.items()
        if each.startswith("Deployment/")
    ]
    assert len(chosen) == 2
    assert not chosen[0].items() <= chosen[1].items()
    assert not chosen[1].items() <= chosen[0].items()
    assert _state(namespace) == alone


def test_an_upgrade_leaves_the_replicas_to_keda(namespace: Namespace) -> None:
    _well(_release(namespace, "acme", "keda-values.yaml"))
    _well(namespace.kubectl("scale", "deployment", "acme-cohortd", "--replicas=5"))

    _well(_release(namespace, "acme", "keda-values.yaml", "--set", "adminPort=9090"))

    assert _state(namespace)["Deployment/acme-cohortd"]["spec"]["replicas"] == 5


def test_one_upgrade_may_stop_all_replicas_first_and_the_next_goes_back(
    namespace: Namespace,
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    strategies = []

    for more in ([], ["--set", "strategy.type=Recreate"], []):
        _well(_release(namespace, "acme", "minimal-values.yaml", *more))
        strategies.append(_state(namespace)["Deployment/acme-cohortd"]["spec"]["strategy"])

    assert strategies == [rolling, {"type": "Recreate"}, rolling]


def test_the_plain_manifests_are_taken_without_a_warning(namespace: Namespace) -> None:
    done = namespace.kubectl("apply", "--dry-run=server", "-f", str(_PLAIN))

    _well(done)
    told = done.out.splitlines()
    assert len(told) == _PLAIN.read_text().count("\nkind: ")
    assert all(line.endswith("created (server dry run)") for line in told)
