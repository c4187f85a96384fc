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
