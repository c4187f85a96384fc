"""The whole daemon: how it ends, and what the next one finds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.support.configs import smallest
from tests.support.processes import Child, wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.stage import Stage

ENDING = (signal.SIGTERM, signal.SIGINT)

# A daemon that ends at once, and is signalled as it says its last words.
IMPATIENT = """
import asyncio, os
from daemon import app, cli

async def run(self):
    self._listen(asyncio.get_running_loop())
    return int(os.environ["CODE"])

def close(_self):
    os.kill(os.getpid(), int(os.environ["NUMBER"]))

app.Daemon.run, app.LogPipe.close = run, close
cli.main()
"""


def test_sigterm_delivers_what_is_held_and_the_next_one_repeats_nothing(wide_stage: Stage) -> None:
    stage = wide_stage
    daemon = stage.start({"window.max_age": "1h"})
    daemon.wait_until_assigned(4)
    daemon.signal(signal.SIGHUP)
    for partition in range(4):
        stage.produce(*(add("vip", f"u{partition}-{n}") for n in range(50)), partition=partition)
    daemon.wait_for("all is read", lambda status: status["counters"]["records_read"] == 200)
    assert stage.simulator.members("vip") == set()

    assert daemon.terminate() == 0

    everyone = {f"u{partition}-{n}" for partition in range(4) for n in range(50)}
    assert stage.simulator.members("vip") == everyone
    committed = stage.committed(4)
    assert {p: offset for p, (offset, _) in committed.items()} == dict.fromkeys(range(4), 50)
    assert all(mark.clean for _, mark in committed.values())
    events = [line["event"] for line in daemon.log_lines()]
    assert events.count("hangup_ignored") == 1
    assert events[-1] == "daemon_stopped"

    since = stage.applied()
    successor = stage.start()
    started = successor.wait_until_assigned(4)
    assert started["counters"]["records_read"] == 0
    stage.produce(remove("vip", "u0-0"))
    stage.wait_members(vip=everyone - {"u0-0"})
    assert stage.deliveries(since) == [("vip", "u0-0", False)]


def test_after_a_kill_the_next_one_repeats_little_and_ends_right(wide_stage: Stage) -> None:
    stage = wide_stage
    expected: dict[str, set[str]] = {"a": set(), "b": set()}
    stage.simulator.set_faults("delay=100ms,jitter=300ms")
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    for number in range(400):
        user, cohort = f"u{number % 97}", "ab"[number % 2]
        joins = number % 3 != 0
        stage_change = add if joins else remove
        stage.produce(stage_change(cohort, user), partition=number % 97 % 4)
        (expected[cohort].add if joins else expected[cohort].discard)(user)
        if number == 250:
            daemon.kill()
    assert daemon.returncode == -signal.SIGKILL

    successor = stage.start()

    stage.wait_members(a=expected["a"], b=expected["b"], timeout_s=45.0)
    successor.wait_for("nothing is pending", lambda status: not status["pending"])
    assert "cohortd_replayed_events_total 0.0" not in successor.get("/metrics")[1]
    assert successor.terminate() == 0
    assert sum(offset for offset, _ in stage.committed(4).values()) == 400


def test_a_second_sigterm_does_not_wait_for_what_hangs(stage: Stage) -> None:
    stage.simulator.set_faults("hang,endpoint=users")
    stage.produce(add("vip", "u1"))
    daemon = stage.start({"shutdown.grace": "60s"})
    daemon.wait_for("a request hangs", lambda status: status["in_flight"])

    begun_s = time.monotonic()
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_line("drain_started")
    assert daemon.get("/readyz")[0] == 503
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    assert time.monotonic() - begun_s < 10.0
    assert daemon.log_lines("shutdown_hurried")
    assert len(daemon.log_lines("drain_started")) == 1
    offset, mark = stage.committed()[0]
    assert offset == 0  # Nobody has said that Braze took it.
    assert not mark.clean

    stage.simulator.set_faults()
    stage.start()
    stage.wait_members(vip={"u1"})


def test_what_can_not_be_delivered_in_the_grace_is_left_to_the_next_one(stage: Stage) -> None:
    stage.simulator.set_faults("status=503,endpoint=users")
    stage.produce(add("vip", "u1"))
    daemon = stage.start({"shutdown.grace": "7s"})
    wait_until("it was tried", lambda: stage.simulator.stats()["requests"]["users"])

    begun_s = time.monotonic()
    assert daemon.terminate() == 0

    assert time.monotonic() - begun_s < 8.0
    assert stage.committed()[0][0] == 0
    assert daemon.log_lines("drain_deadline")


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("words", [("run",), ("--debug", "run")], ids=" ".join)
def test_a_signal_before_anything_has_begun_ends_it_well(
    words: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    code, said = _ended_while_reading(words, number, tmp_path)

    assert (code, said) == (0, "")


def test_a_hangup_before_anything_has_begun_ends_nothing(tmp_path: Path) -> None:
    code, _ = _ended_while_reading(("run",), signal.SIGTERM, tmp_path, first=signal.SIGHUP)

    assert code == 0


@pytest.mark.parametrize("words", [("check",), ("dlq", "list")], ids=" ".join)
def test_a_command_that_a_person_interrupts_has_failed(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    code, said = _ended_while_reading(words, signal.SIGINT, tmp_path)

    assert (code, said) == (1, "cohortd: interrupted\n")


@pytest.mark.parametrize("number", [*ENDING, signal.SIGHUP])
@pytest.mark.parametrize("code", [0, 1])
def test_a_signal_behind_the_end_changes_no_exit_code(
    code: int, number: signal.Signals, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(smallest(tmp_path)))
    command = [sys.executable, "-c", IMPATIENT, "run", "-c", str(config)]

    with Child(
        command, tmp_path / "daemon.log", env={"CODE": str(code), "NUMBER": str(+number)}
    ) as child:
        assert child.wait() == code
        assert child.output() == ""


def test_a_sigterm_as_soon_as_it_can_be_asked_ends_it_well(stage: Stage) -> None:
    daemon = stage.start()
    assert daemon.port

    assert daemon.terminate() == 0
    assert daemon.log_lines("daemon_stopped")


def _ended_while_reading(
    words: Sequence[str],
    number: signal.Signals,
    folder: Path,
    *,
    first: signal.Signals | None = None,
) -> tuple[int, str]:
    """Signal a command that waits for its configuration; return its code and what it said."""
    pipe = folder / "config.yaml"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "daemon", *words, "-c", str(pipe)]
    with Child(command, folder / "daemon.log") as child:
        writer = wait_until("it reads its configuration", lambda: _reader_of(pipe))

        if first is not None:
            child.signal(first)
        wait_until("it ends", lambda: _is_told_to_end(child, number))

        os.close(writer)
        return child.wait(), child.output()


def _is_told_to_end(child: Child, number: signal.Signals) -> bool:
    """Signal, once more where one came just before the reading began that it interrupts."""
    if child.returncode is None:
        child.signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5.0)
    return child.returncode is not None


def _reader_of(pipe: Path) -> int | None:
    """Open a pipe's writing end, which goes only while somebody reads."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
