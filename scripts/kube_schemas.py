"""Write the schemas that kubeconform holds manifests against: `python kube_schemas.py FOLDER`.

Kubernetes' own come with kubernetes-validate, whose references don't resolve from files as they
are. Those of the Prometheus operator and of KEDA are made from cloudcoil's models, and closed:
a model lets unknown fields pass, an API server does not.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
from cloudcoil.models import keda, prometheus_operator

_GROUPS = {
    "PodMonitor": "monitoring-v1",
    "ServiceMonitor": "monitoring-v1",
    "PrometheusRule": "monitoring-v1",
    "ScaledObject": "keda-v1alpha1",
}


def main(folder: Path) -> None:
    """Write every schema as a file named as kubeconform looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in _kubernetes().glob("*.json"):
        text = source.read_text().replace("/api/_definitions.json#", "_definitions.json#")
        document = json.loads(text)
        document.pop("$id", None)
        (folder / source.name).write_text(json.dumps(document))
    for package in (prometheus_operator, keda):
        for kind, model in _models(package).items():
            document = model.model_json_schema(by_alias=True)
            _close(document)
            (folder / f"{kind.lower()}-{_GROUPS[kind]}.json").write_text(json.dumps(document))


def _kubernetes() -> Path:
    """Return the folder of the newest version."""
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    return max(
        folder.glob("*-local-strict"),
        key=lambda found: [int(part) for part in found.name[1:].split("-")[0].split(".")],
    )


def _models(package: Any) -> dict[str, Any]:  # noqa: ANN401
    found = {}
    for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(each.name)
        found.update({kind: getattr(module, kind) for kind in _GROUPS if hasattr(module, kind)})
    return found


def _close(schema: object) -> None:
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
