"""Whatever speaks HTTP, with httpx2 in the place of httpx: a way out, should httpx be given up."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.other_http_client import environment

ROOT = Path(__file__).parents[2]
SUITES = (
    "tests/unit/test_braze_*.py",
    "tests/unit/test_simulator_co*.py",
    "tests/component/test_client_*.py",
    "tests/component/test_registry_client.py",
    "tests/component/test_daemon_registry.py",
    "tests/component/test_daemon_rejects.py",
    "tests/contract/test_simulator_answers.py",
    "tests/fault/test_http_matrix.py",
    "tests/security/test_http_clients.py",
)
# httpcore2 imports anyio at once, before pytest can look into anyio's plugin, which nobody uses.
_QUIET = ("-p", "no:anyio", "-p", "no:cacheprovider", "-W", "ignore:Module already imported")
_SAYS_WHO = """
import httpcore, httpx, daemon.braze.wire, daemon.registry.client
used = {daemon.braze.wire.httpx, daemon.registry.client.httpx, httpx}
print(*(module.__name__ for module in used), httpcore.__name__)
"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def python() -> Path:
    return environment(ROOT / ".cache" / "httpx2")


def test_the_daemon_there_has_the_other_client(python: Path) -> None:
    said = subprocess.run(
        [python, "-c", _SAYS_WHO], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert said == "httpx2 httpcore2\n"


def test_what_speaks_http_passes_with_it(python: Path) -> None:
    suites = sorted(str(path) for suite in SUITES for path in ROOT.glob(suite))

    done = subprocess.run(
        [python, "-m", "pytest", "-q", *_QUIET, *suites],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(suites) > len(SUITES)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]
    passed = re.search(r"^(\d+) passed", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout[-1000:]
    assert int(passed[1]) > 400
