"""Several processes of one group, killed, frozen, restarted and shuffled under load.

In the end Braze equals the log, no member went back, and no offset passed what Braze did not take.
`FAULT_KILLS`, `FAULT_ROUNDS`, `FAULT_ZOMBIES` and `FAULT_REBALANCES` make the runs longer.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.fault.fleet import Fleet, Seat, freeze, states, thaw
from tests.fault.load import LoadRules
from tests.fault.points import ON_THE_WAY_OUT, POINTS, VARIABLE
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from tests.support.stage import Stage

SEED = int(os.environ.get("FAULT_SEED", "1"))
KILLS = int(os.environ.get("FAULT_KILLS", "5"))  # For each of the two group protocols.
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "5"))
# It is some seconds, and at most ten where the machine does nothing else (`make torture` says so);
# beside all other tests a process alone may take that long to start.
IDLE_S = float(os.environ.get("FAULT_IDLE_S", "30"))
ZOMBIES = int(os.environ.get("FAULT_ZOMBIES", "5"))
REBALANCES = int(os.environ.get("FAULT_REBALANCES", "50"))

# A kill or a freeze takes some ten seconds until all is well again, a rolling restart as long.
pytestmark = pytest.mark.timeout(600 + 60 * max(KILLS, ROUNDS, ZOMBIES, REBALANCES // 10))

SESSION_S = 6.0  # Of the stages' groups, in both protocols.


def _times(name: str, values: list[float]) -> str:
    values = sorted(values)
    return f"{name}: median {values[len(values) // 2]:.1f} s, longest {values[-1]:.1f} s"


def test_rows_1_to_3_after_kills_at_any_time_nothing_is_lost_misordered_or_regressed(
    each_wide_stage: Stage,
) -> None:
    took_s = []
    with Fleet(each_wide_stage, LoadRules(SEED)) as fleet:
        for _ in range(KILLS):
            fleet.kill(fleet.any())
            fleet.start()
            took_s.append(fleet.wait_until_delivered())

        report = fleet.finish()

    print(f"\n{KILLS} kills: {report}; {_times('to the last partition', took_s)}")
    assert report.problems == []
    assert report.counts["crashes"] == KILLS


@pytest.mark.parametrize("point", POINTS)
def test_rows_3_and_5_a_kill_at_a_named_point_loses_and_misorders_nothing(
    wide_stage_of_12: Stage, point: str
) -> None:
    with Fleet(wide_stage_of_12, LoadRules(SEED, per_second=200), replicas=1) as fleet:
        victim = fleet.start(environ={VARIABLE: f"{point}:1:KILL"}, module="tests.fault.points")
        fleet.start()
        wait_until("it takes part, or is dead", lambda: _took_part(victim), 60.0)
        if victim.daemon.returncode is None and point in ON_THE_WAY_OUT:
            victim.daemon.signal(signal.SIGTERM)
        wait_until(f"it dies {point}", lambda: victim.daemon.returncode is not None, 60.0)
        assert victim.daemon.returncode == -signal.SIGKILL
        fleet.fell(victim)

        fleet.wait_until_delivered()
        report = fleet.finish()

    assert report.problems == []


def test_row_13_rolling_restarts_deliver_no_change_twice_and_leave_no_partition_idle(
    wide_stage_of_12: Stage,
) -> None:
    stopped_s = []
    rules = LoadRules(SEED, members=0, per_second=5_000)
    with Fleet(wide_stage_of_12, rules) as fleet:
        for _ in range(ROUNDS):
            for seat in list(fleet.seats):
                fleet.start()
                fleet.wait_until_shared_out()
                stopped_s.append(fleet.stop(seat))
        fleet.wait_until_shared_out()

        report = fleet.finish()

    idle_s = max(fleet.audit.idle_s().values())
    print(f"\n{ROUNDS} rolling restarts: {report}; idle at most {idle_s:.1f} s")
    print(_times("SIGTERM to exit", stopped_s))
    assert report.problems == []
    assert report.counts["repeats"] == 0
    assert idle_s <= IDLE_S


def test_row_10_a_process_frozen_beyond_its_session_starts_no_request_when_it_wakes(
    wide_stage_of_12: Stage,
) -> None:
    woken = 0
    with Fleet(wide_stage_of_12, LoadRules(SEED)) as fleet:
        for _ in range(ZOMBIES):
            zombie = fleet.any()
            freeze(zombie)
            fleet.fell(zombie)
            for_s = SESSION_S * fleet.chance.uniform(1.2, 2.5)
            frozen_s = time.monotonic()
            _wait_until_the_others_have_it_all(fleet, zombie)
            _pass_until(frozen_s + for_s)
            woken_s = time.time()
            thaw(zombie)
            begun_s = _begins_again_s(zombie, woken_s)
            woken += _requests(fleet, zombie, woken_s, begun_s)
            fleet.wait_until_delivered()

        report = fleet.finish()

    print(f"\n{ZOMBIES} zombies: {report}")
    assert report.problems == []
    assert woken == 0


def test_row_11_a_pause_between_the_check_of_the_lease_and_the_write_sends_nothing_late(
    wide_stage_of_12: Stage,
) -> None:
    with Fleet(wide_stage_of_12, LoadRules(SEED, per_second=200), replicas=2) as fleet:
        zombie = fleet.start(
            environ={VARIABLE: "after_lease_check:1:STOP"}, module="tests.fault.points"
        )
        wait_until("it stands still at its point", lambda: _is_stopped(zombie), 60.0)
        fleet.fell(zombie)
        _wait_until_the_others_have_it_all(fleet, zombie)
        woken_s = time.time()
        thaw(zombie)
        begun_s = _begins_again_s(zombie, woken_s)

        late = _requests(fleet, zombie, woken_s, begun_s)
        fleet.wait_until_delivered()
        report = fleet.finish()

    assert report.problems == []
    assert late == 0


def test_row_22_a_storm_of_joins_and_leaves_moves_no_offset_back(each_wide_stage: Stage) -> None:
    with Fleet(each_wide_stage, LoadRules(SEED), replicas=2) as fleet:
        leaving: list[Seat] = []
        for _ in range(REBALANCES // 2):  # For each protocol; a join is one, a leave is one.
            if len(fleet.seats) < 3 or (len(fleet.seats) < 5 and fleet.chance.random() < 0.5):
                seat = fleet.start()
                seat.daemon.wait_for_line("daemon_started")
            else:
                seat = fleet.any()
                fleet.seats.remove(seat)
                seat.daemon.signal(signal.SIGTERM)
                leaving.append(seat)
        assert all(seat.daemon.wait() == 0 for seat in leaving)
        fleet.wait_until_shared_out()
        fleet.excuse_refused_hand_overs()

        report = fleet.finish()

    print(f"\n{REBALANCES // 2} joins and leaves: {report}")
    assert report.problems == []


def _took_part(seat: Seat) -> bool:
    return seat.daemon.returncode is not None or bool(seat.daemon.log_lines("partition_started"))


def _wait_until_the_others_have_it_all(fleet: Fleet, zombie: Seat) -> None:
    others = [seat for seat in fleet.seats if seat is not zombie]
    wait_until("the others have it all", lambda: len(states(others)) == fleet.partitions, 60.0)


def _pass_until(at_s: float) -> None:
    """Let the fault last so long: it is what is tested, and nothing is waited for."""
    wait_until("the fault has lasted", lambda: time.monotonic() >= at_s, 120.0)


def _is_stopped(seat: Seat) -> bool:
    with open(f"/proc/{seat.daemon.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        return stat.read().rpartition(")")[2].split()[0] == "T"


def _begins_again_s(zombie: Seat, woken_s: float) -> float:
    """Return when it was given partitions anew, which only the group can have done."""

    def begun() -> float | None:
        lines = zombie.daemon.log_lines("partitions_assigned")
        return next((t for line in lines if (t := _unix_s(line)) > woken_s), None)

    return wait_until("it is given partitions again", begun, 60.0)


def _unix_s(line: dict[str, str]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _requests(fleet: Fleet, seat: Seat, since_s: float, until_s: float) -> int:
    seen = fleet.stage.simulator.seen()
    return sum(r.caller == seat.caller and since_s < r.arrived_at_s < until_s for r in seen)
