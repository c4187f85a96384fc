"""The workflow files: whether the service that runs them would take them, and in which order."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.image import ROOT
from tests.support.tools import tool

FOLDER = ROOT / ".github" / "workflows"


def _workflow(name: str) -> Any:  # noqa: ANN401 - it is YAML
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def _steps(name: str, job: str) -> list[str]:
    """What each step does: its script, or the action it uses."""
    steps = _workflow(name)["jobs"][job]["steps"]
    return [step.get("run") or step["uses"] for step in steps]


def test_actionlint_finds_nothing() -> None:
    files = sorted(str(path) for path in FOLDER.glob("*.yml"))

    done = subprocess.run([tool("actionlint"), *files], capture_output=True, text=True, check=False)

    assert len(files) == 3
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_built_or_published_before_the_tag_is_verified() -> None:
    checkout, verify, _pinned, *others = _steps("release", "release")

    assert checkout.startswith("actions/checkout@")
    assert "scripts/release_tag.py" in verify
    assert others[0] == "make release"
    for what in ("docker/build-push-action", "helm push", "attest-build-prov", "gh release create"):
        assert any(what in step for step in others), what


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("python:3.12-slim", 1),
        ("python:3.12-slim@sha256:0123", 1),
        (f"python:3.12-slim@sha256:{'0' * 64}", 0),
    ],
)
def test_a_release_is_built_on_a_base_that_is_pinned(tmp_path: Path, base: str, code: int) -> None:
    check = _steps("release", "release")[2]
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "Dockerfile").write_text(
        re.sub(r"^(ARG BASE_IMAGE=).*$", rf"\g<1>{base}", dockerfile, flags=re.MULTILINE)
    )

    done = subprocess.run(
        ["bash", "-e", "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert ("pin BASE_IMAGE" in done.stdout) == bool(code)


def test_every_job_that_may_write_is_of_the_environment_that_names_who_signs() -> None:
    release = _workflow("release")

    assert release["permissions"] == {"contents": "read"}
    writing = {name for name, job in release["jobs"].items() if "permissions" in job}
    assert writing == {"release"}
    assert release["jobs"]["release"]["environment"] == "release"


def test_the_locks_are_audited_each_week() -> None:
    audit = _workflow("audit")

    [cron] = audit[True]["schedule"]  # YAML takes the word `on` for true.
    assert cron["cron"].split()[2:] == ["*", "*", "1"]
    assert audit["permissions"] == {"contents": "read"}
    assert "make audit" in _steps("audit", "audit")
