"""The seeded simulation as tests.

`SIM_SEEDS=1000 SIM_FIRST=0 pytest tests/simulation` looks at more worlds, or at others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable

import pytest

from tests.simulation.happenings import missing
from tests.simulation.runner import Verdict, run
from tests.simulation.shrinking import told
from tests.simulation.worlds import Worlds, run_all

FIRST = int(os.environ.get("SIM_FIRST", "0"))
SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
_SHOWN_MAX = 3


@pytest.fixture(scope="module")
def storm() -> list[Verdict]:
    return list(run_all(Worlds(range(FIRST, FIRST + SEEDS))))


def _broken(verdicts: Iterable[Verdict]) -> str:
    failed = [verdict for verdict in verdicts if verdict.failure]
    return "\n\n".join(told(verdict) for verdict in failed[:_SHOWN_MAX])


@pytest.mark.timeout(1_800)
def test_no_storm_breaks_a_guarantee(storm: list[Verdict]) -> None:
    assert len(storm) == SEEDS
    assert _broken(storm) == ""


def test_everything_that_can_go_wrong_did(storm: list[Verdict]) -> None:
    happened = {what for verdict in storm for what in verdict.seen}

    assert missing(happened, len(storm)) == []


def test_states_are_shown_in_log_order_and_turned_very_often(storm: list[Verdict]) -> None:
    # That no state goes back means something only where states change all the time, and where
    # what is repeated or overtaken could have shown an old one.
    turned = sum(verdict.seen["state_turned"] for verdict in storm)
    repeated = sum(verdict.repeats for verdict in storm)
    overtaken = sum(verdict.seen["applied_out_of_order"] for verdict in storm)

    assert turned > 5 * len(storm)
    assert repeated > len(storm)
    assert overtaken > 0


def test_without_faults_all_is_delivered_and_nothing_twice() -> None:
    verdicts = list(run_all(Worlds(range(60), "calm")))

    assert _broken(verdicts) == ""
    assert sum(verdict.repeats for verdict in verdicts) == 0
    assert all(verdict.attempts > 0 for verdict in verdicts)


def test_graceful_restarts_and_rebalances_deliver_nothing_twice() -> None:
    verdicts = list(run_all(Worlds(range(60), "rolling")))

    assert _broken(verdicts) == ""
    assert sum(verdict.seen["left_drained"] for verdict in verdicts) > 0
    assert sum(verdict.seen["rebalance_eager"] for verdict in verdicts) > 0


def test_a_cohort_that_is_locked_for_long_stops_no_other_where_memory_is_short() -> None:
    verdicts = list(run_all(Worlds(range(60), "locked")))

    assert _broken(verdicts) == ""
    assert sum(verdict.seen["barrier_opened_beside_held"] for verdict in verdicts) > 0


@pytest.mark.parametrize("seed", [3, 57, 151])
def test_a_seed_replays_to_the_letter(seed: int) -> None:
    first = run(seed, keep_trace=True)

    again = run(seed, keep_trace=True)

    assert again.trace_hash == first.trace_hash
    assert again.trace == first.trace


def test_a_seed_replays_in_another_process_with_other_string_hashes() -> None:
    script = "from tests.simulation.runner import run; print(run(57, keep_trace=True).trace_hash)"
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }

    assert len(hashes) == 1
