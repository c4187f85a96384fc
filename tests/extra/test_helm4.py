"""The chart with Helm 4, which makes of every set of values what Helm 3 makes of it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
import yaml

from tests.component.test_chart import CHART, SETS
from tests.support.tools import tool


def _helm(program: str, *words: str) -> str:
    command = [tool(program), *words, "--kube-version", "1.31.0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _render(program: str, name: str) -> list[dict[str, Any]]:
    made = _helm(program, "template", "cohortd", str(CHART), "-f", str(CHART / "ci" / name))
    return [each for each in yaml.safe_load_all(made) if each]


def test_the_two_are_not_the_same_program() -> None:
    versions = [
        subprocess.run(
            [tool(program), "version", "--short"], capture_output=True, text=True, check=True
        ).stdout
        for program in ("helm", "helm4")
    ]

    assert [version.split(".")[0] for version in versions] == ["v3", "v4"]


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_values_is_well_formed(name: str) -> None:
    assert "0 chart(s) failed" in _helm(
        "helm4", "lint", "--strict", str(CHART), "-f", str(CHART / "ci" / name)
    )


@pytest.mark.parametrize("name", SETS)
def test_it_makes_what_helm_3_makes(name: str) -> None:
    assert len(SETS) == 5
    made = _render("helm4", name)

    assert made == _render("helm", name)
    assert {"Deployment", "ConfigMap"} <= {each["kind"] for each in made}
