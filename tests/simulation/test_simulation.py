"""The seeded simulation as tests. `SIM_SEEDS=1000 pytest tests/simulation` looks at more worlds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.canaries import CANARIES, plant
from tests.simulation.runner import Verdict, run
from tests.simulation.scenario import MUST_HAPPEN

SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
_CHUNK = 50

# The guarantees of which one must be named when a bug is found: another would be luck.
_NAMED = {
    "commit_before_ack": "G2",
    "no_put_back": "G2",
    "barrier_skipped": "G5",
    "wait_skipped": "G4 G5 G6",
    "lease_ignored": "G6",
    "settle_ignored": "G4",
    "hold_released_early": "G2",
    "first_change_wins": "rule 3",
    "done_when_refused": "G2",
    "reject_without_hold": "G2",
    "two_flushes_of_a_cohort": "G4 G5",
    "nothing_abandoned": "G6 G10",
    "always_clean": "G6",
    "intent_falls": "G5",
    "sealed_beyond_intent": "G5",
    "ticket_reused": "G2",
    "no_budget": "G8",
    "quota_ignored": "G8",
    "split_behind_barrier": "G5",
    "never_paused": "G9",
}


def _broken(verdicts: list[Verdict]) -> str:
    return "\n\n".join(
        f"seed {verdict.seed} ({verdict.arm}): {verdict.failure}\n{verdict.trace}"
        for verdict in verdicts
        if verdict.failure
    )


@pytest.mark.parametrize("first", range(0, SEEDS, _CHUNK))
def test_no_storm_breaks_a_guarantee(first: int) -> None:
    verdicts = [run(seed) for seed in range(first, min(first + _CHUNK, SEEDS))]

    assert _broken(verdicts) == ""


def test_everything_that_can_go_wrong_did() -> None:
    happened: Counter[str] = Counter()
    for seed in range(300):
        happened.update(run(seed).seen.keys())
        if happened.keys() >= MUST_HAPPEN:
            break

    assert MUST_HAPPEN - happened.keys() == set()


def test_without_faults_all_is_delivered_and_nothing_twice() -> None:
    verdicts = [run(seed, "calm") for seed in range(60)]

    assert _broken(verdicts) == ""
    assert sum(verdict.repeats for verdict in verdicts) == 0
    assert all(verdict.attempts > 0 for verdict in verdicts)


def test_graceful_restarts_and_rebalances_deliver_nothing_twice() -> None:
    verdicts = [run(seed, "rolling") for seed in range(60)]

    assert _broken(verdicts) == ""
    assert sum(verdict.seen["left_drained"] for verdict in verdicts) > 0


@pytest.mark.parametrize("bug", CANARIES)
def test_a_planted_bug_is_caught(bug: str) -> None:
    with plant(bug):
        found = next((v for v in map(run, range(CANARIES[bug])) if v.failure), None)

    assert found is not None, f"{bug} was not seen in {CANARIES[bug]} worlds"
    assert found.guarantee in _NAMED[bug], found.failure
    assert found.trace


def test_what_a_planted_bug_leaves_is_nothing() -> None:
    with plant("commit_before_ack"):
        planted = run(0)

    assert planted.failure
    assert not run(0).failure


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
