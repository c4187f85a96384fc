"""What is delivered, and what was given up, is in no object of the daemon any more."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from tests.security.heap import TOLD
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

MEMBERS = 20  # Of each partition.
PARTITIONS = 4


class _Watched:
    """A daemon whose heap can be searched."""

    def __init__(self, stage: Stage) -> None:
        self.told: Path = stage.folder / "heap.json"
        environ = {TOLD: str(self.told)}
        self.daemon: DaemonProcess = stage.start(environ=environ, module="tests.security.heap")
        self.ways: dict[str, list[str]] = {}

    def partitions(self) -> set[int]:
        """Return those with a canary on the heap now."""
        self.told.unlink(missing_ok=True)
        os.kill(self.daemon.pid, signal.SIGUSR1)
        wait_until("it tells", self.told.exists)
        self.ways = json.loads(self.told.read_text())
        return {int(canary.split("-")[2]) for canary in self.ways}

    def wait_until_only(self, partitions: set[int]) -> None:
        """Wait until there are canaries of these partitions and of no other."""
        try:
            wait_until("the rest is forgotten", lambda: self.partitions() == partitions)
        except AssertionError as late:
            raise AssertionError(f"{late}: {json.dumps(self.ways, indent=1)[:4000]}") from None


def _hold(stage: Stage, watched: _Watched) -> set[str]:
    """Have members held who were sent and never answered well; their cohorts are known."""
    watched.daemon.wait_until_assigned(PARTITIONS)
    stage.produce(add("vip-0", "ann"), add("vip-1", "ann"))
    stage.wait_members({"vip-0": {"ann"}, "vip-1": {"ann"}})
    stage.simulator.set_faults("status=503")
    members = set()
    for partition in range(PARTITIONS):
        for number in range(MEMBERS):
            member = f"heap-canary-{partition}-{number}"
            stage.produce(add(f"vip-{number % 2}", member), partition=partition)
            members.add(member)
    wait_until("all are held", lambda: watched.partitions() == set(range(PARTITIONS)))
    wait_until("they were sent", lambda: stage.simulator.stats()["requests"]["users"].get("503"))
    return members


def test_what_is_delivered_is_forgotten(wide_stage: Stage) -> None:
    stage = wide_stage
    watched = _Watched(stage)
    members = _hold(stage, watched)

    stage.simulator.set_faults()
    halves = [{m for m in members if int(m.split("-")[3]) % 2 == half} for half in range(2)]
    stage.wait_members({"vip-0": {"ann", *halves[0]}, "vip-1": {"ann", *halves[1]}})

    watched.wait_until_only(set())
    assert watched.daemon.terminate() == 0


def test_a_partition_that_was_given_up_is_forgotten(wide_stage: Stage) -> None:
    stage = wide_stage
    watched = _Watched(stage)
    _hold(stage, watched)

    stage.start()
    status = watched.daemon.wait_until_assigned(PARTITIONS // 2)

    kept = {row["partition"] for row in status["partitions"]}
    assert len(kept) == PARTITIONS // 2
    watched.wait_until_only(kept)
