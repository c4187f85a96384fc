from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Child

LONGEST_S = 110.0


def _demo(log: Path, *arguments: str) -> Child:
    return Child([sys.executable, "-m", "daemon", "demo", "--seconds", "5", *arguments], log)


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Child]]:
    """Return a demo as it is and one tampered with, side by side, since both mostly wait."""
    folder = tmp_path_factory.mktemp("demo")
    with _demo(folder / "plain") as plain, _demo(folder / "tampered", "--tamper") as tampered:
        yield {"plain": plain, "tampered": tampered}


def test_the_demo_ends_equal_after_a_kill_and_a_restart(demos: dict[str, Child]) -> None:
    demo = demos["plain"]

    code = demo.wait(LONGEST_S)

    said = demo.output()
    assert code == 0, said
    assert "SIGKILL to process" in said
    assert "taken over after" in said
    assert "exit code 0" in said
    assert "12 broken records, 12 of them in the dead-letter topic" in said
    assert said.splitlines()[-1].startswith("EQUAL: all ")


def test_tampering_with_one_member_is_found_and_named(demos: dict[str, Child]) -> None:
    demo = demos["tampered"]

    code = demo.wait(LONGEST_S)

    said = demo.output()
    assert code == 1, said
    assert "cohort beta-testers: " in said
    assert " is missing at Braze" in said
    assert said.splitlines()[-1].startswith("NOT EQUAL")


def test_ctrl_c_ends_the_demo_and_its_daemon_without_a_traceback(tmp_path: Path) -> None:
    with _demo(tmp_path / "log") as demo:
        demo.wait_for_line("cohortd started: process")
        daemon_pid = int(demo.output().split("cohortd started: process")[1].split()[0])
        demo.signal(signal.SIGINT)

        code = demo.wait(LONGEST_S)

        assert code == 1
        assert "Traceback" not in demo.output()
        assert not Path(f"/proc/{daemon_pid}").exists()
