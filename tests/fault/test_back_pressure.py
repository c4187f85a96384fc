"""Rows 23 and 24: partitions that come and go while memory is full and nothing is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

CAP = 1_000
SMALL = {"memory.max_pending_changes": CAP, "shutdown.grace": "7s"}
POLL_MAX = 10_000  # What one poll may bring beyond the cap.


def start(stage: Stage) -> DaemonProcess:
    return stage.start(SMALL, module="tests.fault.small_memory")


def saturated(status: dict[str, Any]) -> bool:
    return "saturated" in [wait["reason"] for wait in status["waits"]]


def pending_of(daemon: DaemonProcess) -> int:
    return sum(row["pending"] for row in daemon.status()["partitions"])


def fill(stage: Stage, prefix: str, count: int = 4_000) -> set[str]:
    users = [f"{prefix}-{number}" for number in range(count)]
    for partition in range(4):
        values = [add(f"c{partition}", user) for user in users[partition::4]]
        stage.produce(*values, partition=partition)
    return set(users)


def members(stage: Stage) -> set[Any]:
    return set().union(*stage.simulator.cohorts().values())


def test_partitions_that_come_to_a_saturated_process_are_paused_and_flow_later(
    wide_stage: Stage,
) -> None:
    stage = wide_stage
    stage.simulator.set_faults("status=503")
    first, second = start(stage), start(stage)
    for daemon in (first, second):
        daemon.wait_for("it has two", lambda status: len(status["partitions"]) == 2)
    users = fill(stage, "u")
    second.wait_for("it is full", saturated)
    had = second.status()["counters"]["records_read"]

    assert first.terminate() == 0  # It can deliver nothing: the other one gets the partitions.

    # Those that came stay behind their barriers: nothing of them is read, so to open one makes no
    # room (G5).
    status = second.wait_for(
        "it has four, and reads none of them",
        lambda status: (
            sorted(row["state"] for row in status["partitions"])
            == ["paused", "paused", "replaying", "replaying"]
        ),
        60.0,
    )
    came = [row for row in status["partitions"] if row["state"] == "replaying"]
    assert [row["pending"] for row in came] == [0, 0]
    assert status["counters"]["records_read"] - had <= POLL_MAX
    assert pending_of(second) <= CAP + POLL_MAX
    stage.simulator.set_faults()
    wait_until("all has arrived", lambda: members(stage) == users, 60.0)
    wait_until(
        "the offsets follow",
        lambda: sum(offset for offset, _ in stage.committed(4).values()) == len(users),
    )


def test_partitions_that_were_revoked_while_paused_are_read_again_when_they_return(
    wide_stage: Stage,
) -> None:
    stage = wide_stage
    stage.simulator.set_faults("status=503")
    first = start(stage)
    first.wait_until_assigned(4)
    users = fill(stage, "u")
    first.wait_for("it is full", saturated)
    second = start(stage)
    second.wait_for("it has two", lambda status: len(status["partitions"]) == 2)
    first.wait_for("it has two", lambda status: len(status["partitions"]) == 2)

    assert second.terminate() == 0
    first.wait_for("it has four", lambda status: len(status["partitions"]) == 4)
    stage.simulator.set_faults()

    wait_until("all has arrived", lambda: members(stage) == users, 60.0)
    users |= fill(stage, "later", 40)
    wait_until("all has arrived", lambda: members(stage) == users, 60.0)
    first.wait_until_assigned(4)
