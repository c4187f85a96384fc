"""What the chart makes, against the habits that kube-score knows."""

from __future__ import annotations

import subprocess

import pytest

from tests.component.test_chart import CHART, SETS
from tests.support.tools import tool

# A release is a tag that never changes or a digest, and a registry that is down must not keep a
# pod from starting again: `Always` would ask it each time.
_IGNORED = "container-image-pull-policy"


@pytest.mark.parametrize("name", SETS)
def test_kube_score_finds_nothing_critical(name: str) -> None:
    render = [tool("helm"), "template", "cohortd", str(CHART), "--kube-version", "1.31.0"]
    made = subprocess.run(
        [*render, "-f", str(CHART / "ci" / name)], capture_output=True, text=True, check=True
    ).stdout

    choice = ["--kubernetes-version", "v1.31", "--ignore-test", _IGNORED, "--output-format", "ci"]
    done = subprocess.run(
        [tool("kube-score"), "score", *choice, "-"],
        input=made,
        capture_output=True,
        text=True,
        check=False,
    )

    told = [line for line in done.stdout.splitlines() if line.startswith("[CRITICAL]")]
    assert (done.returncode, told) == (0, []), done.stdout + done.stderr
    assert "[OK]" in done.stdout
