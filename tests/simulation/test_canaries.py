"""The checker checked: every planted bug is caught, near its recorded seed and by its name."""

from __future__ import annotations

import pytest

from tests.simulation.canaries import BUGS, is_caught, plant, run_planted
from tests.simulation.canary_search import window
from tests.simulation.recorded import RECORDED
from tests.simulation.runner import run


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_caught(bug: str) -> None:
    worlds = window(RECORDED[bug])

    verdicts = (run_planted(seed, BUGS[bug].arm, bug) for seed in worlds)
    found = next((verdict for verdict in verdicts if verdict.failure), None)

    assert found is not None, f"{bug} was not seen in seeds {worlds}: search it: make canaries"
    assert is_caught(bug, found), found.failure
    assert found.trace


def test_a_state_that_goes_back_is_noticed_when_braze_applies_it() -> None:
    verdict = run_planted(RECORDED["split_behind_barrier"], "storm", "split_behind_barrier")

    assert verdict.guarantee == "G5"
    assert "state of" in verdict.failure


def test_there_are_enough_planted_bugs_and_no_seed_of_another() -> None:
    assert len(BUGS) >= 32
    assert RECORDED.keys() == BUGS.keys()


def test_what_a_planted_bug_leaves_is_nothing() -> None:
    with plant("committed_before_acknowledged"):
        planted = run(0)

    assert planted.failure
    assert not run(0).failure
