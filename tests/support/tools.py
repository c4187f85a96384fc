"""Programs that are not Python's: on the path, or in .tools, where `make tools` puts them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".tools"


def tool(name: str) -> str:
    """Return where it is, ours before any other. Skip the test where there is none."""
    found = shutil.which(name, path=f"{TOOLS / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{name} is not installed: make tools")
    return found


def debian_tool(name: str, package: str) -> str:
    """Return where a program of Debian's is. Where there is none, skip; in CI that is a failure."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{name} is missing: install Debian's package {package}", pytrace=False)
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found
