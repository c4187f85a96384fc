"""The Helm chart's values: the schema takes them, the daemon takes the configurations in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from daemon import __version__
from daemon.config.document import Document, merge
from daemon.config.settings import load
from tests.support.certificates import self_signed

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart" / "cohortd"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: Document = yaml.safe_load((CHART / "values.yaml").read_text())
SETS = sorted(path.name for path in (CHART / "ci").glob("*.yaml"))


def _values(name: str) -> Any:  # noqa: ANN401
    return merge(DEFAULTS, yaml.safe_load((CHART / "ci" / name).read_text()))


def test_the_defaults_are_as_the_schema_says() -> None:
    jsonschema.validate(DEFAULTS, SCHEMA)


@pytest.mark.parametrize("name", SETS)
def test_an_example_of_values_is_as_the_schema_says(name: str) -> None:
    jsonschema.validate(_values(name), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"replicas": 2},
        {"strategy": "Recreate"},
        {"strategy": {"type": "OnDelete"}},
        {"strategy": {"rollingUpdate": {"maxSurge": "one"}}},
        {"image": {"pullPolicy": "Sometimes"}},
        {"image": {"digest": "latest"}},
        {"adminPort": 80},
        {"keda": {"topics": [1]}},
        {"keda": {"minReplicas": 0}},
        {"keda": {"trigger": "cpu"}},
        {"keda": {"metadata": {"tls": True}}},
        {"podDisruptionBudget": {"maxUnavailable": 0}},
    ],
)
def test_a_mistake_in_values_is_refused(wrong: Document) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(merge(DEFAULTS, wrong), SCHEMA)


@pytest.mark.parametrize("name", SETS)
def test_the_daemon_takes_the_configuration_of_an_example(name: str, tmp_path: Path) -> None:
    values = _values(name)
    text = yaml.safe_dump(values["config"])
    for place in ("/run/secrets", "/etc/kafka-tls"):
        text = text.replace(place, str(tmp_path))
    made = self_signed(tmp_path, "example")
    for kind in ("kafka", "registry"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "password").write_text("example")
    for certificate in ("ca.crt", "tls.crt", "kafka/ca.crt"):
        (tmp_path / certificate).write_bytes(made.file.read_bytes())
    (tmp_path / "tls.key").write_bytes(made.key.read_bytes())
    file = tmp_path / "config.yaml"
    file.write_text(text)
    keys = ("PARTNER_API_KEY", "DATA_IMPORT_KEY")

    settings = load([file], {f"COHORTD_BRAZE__{key}": f"example-{key}" for key in keys})

    assert settings.kafka.group_id


def test_the_rules_and_the_dashboard_are_the_ones_beside_the_chart() -> None:
    for name, source in (("cohortd.rules.yml", "prometheus"), ("cohortd.json", "grafana")):
        ours = (CHART / "files" / name).read_text()
        assert ours == (ROOT / "deploy" / source / name).read_text()


def test_the_chart_has_the_version_of_the_daemon() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["appVersion"] == __version__
