"""The bill of materials and the lock: what is installed to run it is what is written down."""

from __future__ import annotations

import importlib.metadata
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "sbom.py"))
locked, listed, normal, bill_of = (SCRIPT[n] for n in ("locked", "listed", "normal", "bill_of"))


def test_what_the_daemon_runs_on_here_is_what_is_locked() -> None:
    installed = {(name, importlib.metadata.version(name)) for name, _ in locked()}

    assert installed == locked()
    assert len(installed) > 20


@pytest.mark.skipif(sys.platform != "linux", reason="of the platform that is shipped")
def test_the_bill_lists_all_that_is_locked_in_its_versions() -> None:
    bill = bill_of(sys.executable, "--no-validate")  # 9 s of a processor: make sbom does.

    assert locked() - listed(bill) == set()
    assert '"bomFormat": "CycloneDX"' in bill


def test_a_requirement_of_another_platform_is_none_of_ours(tmp_path: Path) -> None:
    lock = tmp_path / "run.txt"
    lock.write_text(
        "# made\nOne_.Two==1.0 \\\n    --hash=sha256:00\n"
        "other==2 ; sys_platform == 'nowhere' \\\n    --hash=sha256:00\n"
    )

    assert locked(lock) == {("one-two", "1.0")}
