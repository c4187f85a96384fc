"""An API server for all of these tests, and for each a namespace of restricted pods alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_server import ApiServer, Done, missing
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What operators bring and the values in `ci` ask for, by group, version and kind.
_BROUGHT = [
    ("monitoring.coreos.com", "v1", "PodMonitor"),
    ("monitoring.coreos.com", "v1", "ServiceMonitor"),
    ("monitoring.coreos.com", "v1", "PrometheusRule"),
    ("keda.sh", "v1alpha1", "ScaledObject"),
]
_MODES = ("enforce", "warn", "audit")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace of the server; helm and kubectl are asked about nothing else."""

    name: str
    server: ApiServer

    def helm(self, *words: str) -> Done:
        return self.server.helm(*words, "--namespace", self.name)

    def kubectl(self, *words: str, given: object = None) -> Done:
        return self.server.kubectl(*words, "--namespace", self.name, given=given)

    def objects(self) -> dict[str, Any]:
        """Return what somebody wants in it, of every kind there is, by kind and name."""
        kinds = ",".join(self.server.kinds("--namespaced"))
        found = self.server.found(kinds, "--namespace", self.name)
        return {f"{each['kind']}/{each['metadata']['name']}": _wanted(each) for each in found}


def _wanted(each: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the server writes into it at every change."""
    kept = {key: value for key, value in each.items() if key not in ("metadata", "status")}
    said = {key: each["metadata"].get(key) for key in ("labels", "annotations")}
    return {**kept, **said}


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    if lacking := missing():
        pytest.skip(f"NO KUBERNETES API SERVER: {', '.join(lacking)} missing; see make k8s")
    folder: Path = tmp_path_factory.mktemp("kubernetes")
    with ApiServer(folder / "server") as server:
        _prepare(server)
        yield server


def _prepare(server: ApiServer) -> None:
    """Bring what a platform has before the first release comes."""
    wanted = [_definition(*each) for each in _BROUGHT]
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1000}
    wanted.append({**priority, "metadata": {"name": "business-critical"}})
    listed = {"apiVersion": "v1", "kind": "List", "items": wanted}
    done = server.kubectl("create", "-f", "-", given=listed)
    assert (done.code, done.complaints) == (0, "")
    kinds = ",".join(f"{kind.lower()}s.{group}" for group, _, kind in _BROUGHT)
    wait_until("the kinds are known", lambda: server.kubectl("get", kinds).code == 0)


def _definition(group: str, version: str, kind: str) -> dict[str, Any]:
    """Return a definition that takes everything; the schemas are held against elsewhere."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    only = {"name": version, "served": True, "storage": True}
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**only, "schema": {"openAPIV3Schema": anything}}],
        },
    }


@pytest.fixture
def namespace(api_server: ApiServer) -> Namespace:
    name = f"restricted-{next(_numbers)}"
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in _MODES}
    wanted = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}}
    done = api_server.kubectl("create", "-f", "-", given=wanted)
    assert (done.code, done.complaints) == (0, "")
    return Namespace(name, api_server)
