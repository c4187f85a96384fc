"""The start: lean, and the collector on again once it is over."""

from __future__ import annotations

import subprocess
import sys

import pytest

ALL_OF_IT = """
import gc, sys
import daemon.cli
from daemon import startup
startup.begin()
assert not gc.isenabled()
import daemon.app
shown = [name for name in ("colorama", "pygments", "rich") if sys.modules[name]]
assert not shown, shown
others = [name for name in ("fastavro", "typer", "daemon.tools") if name in sys.modules]
assert not others, others
before = gc.get_threshold()[0]
startup.end()
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000
assert gc.get_threshold()[0] > before
"""

WITH_A_TERMINAL = """
import io, sys
from daemon import startup
startup.begin()
from daemon import logs
out = io.StringIO()
pipe = logs.configure("info", format="console", stream=out)
try:
    secret = "hidden"
    raise ValueError("wrong")
except ValueError:
    logs.get_logger().error("failed", exc_info=True)
assert pipe.close()
assert "ValueError" in out.getvalue(), out.getvalue()
assert "hidden" not in out.getvalue()
"""


@pytest.mark.parametrize("code", [ALL_OF_IT, WITH_A_TERMINAL])
def test_the_daemon_starts_without_what_is_only_for_show(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
