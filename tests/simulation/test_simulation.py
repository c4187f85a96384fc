"""The seeded simulation as tests. `SIM_SEEDS=1000 pytest tests/simulation` looks at more worlds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.happenings import MUST_HAPPEN
from tests.simulation.runner import Verdict, run

SEEDS = int(os.environ.get("SIM_SEEDS", "200"))
_CHUNK = 50


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
