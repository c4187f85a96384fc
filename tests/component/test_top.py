"""`cohortd top` on a running daemon."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import free_port
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage


def top(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daemon", "top", *words]
    environ = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=environ
    )


def test_where_nobody_watches_it_prints_one_picture(stage: Stage) -> None:
    daemon = stage.start()
    stage.produce(add("vip", "tell-tale"), b"no json")
    stage.wait_members(vip={"tell-tale"})
    daemon.wait_for("a dead letter", lambda status: status["counters"]["dead_letters"] == 1)

    said = top("--url", f"http://127.0.0.1:{daemon.port}")

    assert said.returncode == 0, said.stderr
    assert f"{stage.topic}:0" in said.stdout
    assert "adds 1   removes 0   dead letters 1" in said.stdout
    assert "vip" in said.stdout
    assert "tell-tale" not in said.stdout


@pytest.mark.parametrize("url", ["nonsense", "http://[::bad", "http://127.0.0.1:port"])
def test_what_is_no_address_is_refused_in_a_line(url: str) -> None:
    said = top("--once", "--url", url)

    assert said.returncode == 2
    assert re.fullmatch(r"cohortd: --url: .+; name a daemon's admin port, .+\n", said.stderr)
    assert not said.stdout


def test_where_nobody_answers_it_says_so_in_a_line() -> None:
    said = top("--once", "--url", f"http://127.0.0.1:{free_port()}")

    assert said.returncode == 1
    assert "gives no status: " in said.stdout
    assert "Traceback" not in said.stdout + said.stderr
    assert len(said.stdout.splitlines()) == 1


def test_another_server_is_told_apart(stage: Stage) -> None:
    said = top("--once", "--url", stage.simulator.url)

    assert said.returncode == 1
    assert "without a status; give cohortd's admin port" in said.stdout
