"""docker-compose.yml before Compose's own parser, which is all of Compose that is tried here."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.image import ROOT
from tests.support.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

FILE = ROOT / "docker-compose.yml"


def _parsed(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("compose"), str(file)], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_compose_takes_the_file() -> None:
    done = _parsed(FILE)

    assert done.returncode == 0, done.stderr
    assert "condition: service_healthy" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("restart: unless-stopped", "restarts: unless-stopped", "restarts"),
        ("{condition: service_healthy}", "{condition: service_well}", "depends_on"),
        ("retries: 20", "retries: often", "healthcheck.retries"),
    ],
    ids=["a key", "a condition", "a type"],
)
def test_what_compose_does_not_know_is_refused(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    text = FILE.read_text()
    assert old in text
    file = tmp_path / FILE.name
    file.write_text(text.replace(old, new))

    done = _parsed(file)

    assert done.returncode != 0
    assert said in done.stderr
