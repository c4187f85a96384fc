"""The whole daemon: what a stop waits for, and what it leaves to the next one at once (G14)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

PATIENT = {"shutdown.grace": "120s"}
AT_ONCE_S = 20.0  # Far below the grace, and far above what a busy machine needs.


def stop_s(daemon: DaemonProcess) -> float:
    """Stop it by one SIGTERM, see that it drained once, and return how long it took."""
    begun_s = time.monotonic()
    assert daemon.terminate(150.0) == 0
    took_s = time.monotonic() - begun_s
    assert len(daemon.log_lines("drain_started")) == 1
    return took_s


def assert_left_to_the_next_one(stage: Stage, daemon: DaemonProcess, changes: int) -> None:
    assert daemon.log_lines("drain_deadline")[0]["pending"] >= changes
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (0, False)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("status=429,reset=600,endpoint=users", "quota"),
        ("status=503,endpoint=users", "braze"),
        ("status=404", "not_found"),
        ("status=400,endpoint=users", "refused_all"),
    ],
)
def test_what_can_not_start_before_the_deadline_is_abandoned_at_once(
    stage: Stage, fault: str, reason: str
) -> None:
    stage.simulator.set_faults(fault)
    stage.produce(add("vip", "u1"), add("other", "u1"))
    daemon = stage.start(PATIENT)
    daemon.wait_for_reason(reason, timeout_s=60.0)

    assert stop_s(daemon) < AT_ONCE_S

    assert_left_to_the_next_one(stage, daemon, 2)
    stage.simulator.set_faults()
    stage.start()
    stage.wait_members(vip={"u1"}, other={"u1"})


def test_what_may_start_before_the_deadline_is_waited_for(stage: Stage) -> None:
    stage.simulator.set_faults("status=429,reset=4,count=1,endpoint=users")
    stage.produce(add("vip", "u1"), add("other", "u1"))
    daemon = stage.start({"shutdown.grace": "30s"})
    daemon.wait_for_reason("quota")

    assert daemon.terminate() == 0

    assert stage.simulator.cohorts() == {"vip": {"u1"}, "other": {"u1"}}
    assert daemon.log_lines("drain_finished")
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (2, True)


def test_a_locked_cohort_is_left_and_what_others_hold_is_delivered(stage: Stage) -> None:
    stage.simulator.set_faults("status=423,cohort=locked,retry_after=600,endpoint=users")
    daemon = stage.start({**PATIENT, "cohorts.overrides": {"vip": {"max_age": "1h"}}})
    stage.produce(add("locked", "u1"), add("vip", "u1"))
    daemon.wait_for_reason("locked")
    assert stage.simulator.members("vip") == set()

    assert stop_s(daemon) < AT_ONCE_S

    assert stage.simulator.members("vip") == {"u1"}
    assert_left_to_the_next_one(stage, daemon, 1)


def test_braze_that_hangs_does_not_keep_it_beyond_the_grace(stage: Stage) -> None:
    stage.simulator.set_faults("hang,endpoint=users,after=2")
    stage.produce(add("first", "u1"))
    daemon = stage.start({"shutdown.grace": "8s"})
    stage.wait_members(first={"u1"})
    stage.simulator.set_faults("hang,endpoint=users")
    stage.produce(*(add(f"c{number}", "u1") for number in range(30)))
    daemon.wait_for("requests hang", lambda status: status["in_flight"])

    assert stop_s(daemon) < 8.0 + 2.0

    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (1, False)
    assert not daemon.log_lines("watchdog_fired")
    assert daemon.log_lines()[-1]["event"] == "daemon_stopped"
    stage.simulator.set_faults()
    stage.start()
    stage.wait_members({f"c{number}": {"u1"} for number in range(30)})


def _waits_with_something(status: dict[str, Any]) -> bool:
    return bool(status["pending"]) and [r["state"] for r in status["partitions"]] == ["waiting"]


@pytest.mark.parametrize(("settle", "delivered"), [("300s", False), ("8s", True)])
def test_the_wait_after_an_unclean_hand_over_is_waited_for_only_if_it_ends_in_time(
    stage: Stage, settle: str, delivered: bool
) -> None:
    stage.produce(add("vip", "u1"))
    first = stage.start()
    stage.wait_members(vip={"u1"})
    wait_until("it is committed", lambda: stage.committed_offset() == 1)
    first.kill()
    stage.produce(add("vip", "u2"))
    second = stage.start({**PATIENT, "delivery.settle": settle})
    second.wait_for("it has read on, and only waits", _waits_with_something)

    took_s = stop_s(second)

    assert (stage.simulator.members("vip") == {"u1", "u2"}) is delivered
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == ((2, True) if delivered else (1, False))
    assert delivered or took_s < AT_ONCE_S
