"""The workflow files: whether the service that runs them would take them."""

from __future__ import annotations

import subprocess

from tests.support.image import ROOT
from tests.support.tools import tool


def test_actionlint_finds_nothing() -> None:
    files = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))

    done = subprocess.run([tool("actionlint"), *files], capture_output=True, text=True, check=False)

    assert len(files) == 2
    assert done.returncode == 0, done.stdout + done.stderr
