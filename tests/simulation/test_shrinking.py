"""A seed that fails is shrunk to a smaller world, and a command shows that very world again."""

from __future__ import annotations

import shlex

import pytest

from tests.simulation.__main__ import main
from tests.simulation.canaries import BUGS, run_planted
from tests.simulation.recorded import RECORDED
from tests.simulation.runner import Verdict
from tests.simulation.scenario import Narrowing, scenario
from tests.simulation.shrinking import Failing, Shrinker, all_of, command, shrunk, told


def _planted(bug: str) -> Verdict:
    verdict = run_planted(RECORDED[bug], BUGS[bug].arm, bug)
    assert verdict.failure
    return verdict


def _sizes(narrowing: Narrowing) -> list[float]:
    sizes = [narrowing.changes, narrowing.duration_s, narrowing.daemons, narrowing.cohorts]
    return [len(narrowing.only_faults or ()), *(size or 0 for size in sizes)]


@pytest.mark.parametrize("bug", ["lease_ignored", "not_put_back", "not_drained"])
def test_a_failing_world_is_shrunk_and_fails_for_the_same_reason(bug: str) -> None:
    verdict = _planted(bug)

    smallest = shrunk(verdict, bug)

    left = _sizes(smallest.narrowing)
    whole = _sizes(all_of(scenario(verdict.seed, verdict.arm)))
    assert smallest.verdict.guarantee == verdict.guarantee
    assert all(less <= more for less, more in zip(left, whole, strict=True))
    # How long it runs until it fails is not made smaller: with less in it, that may be later.
    assert left[0] < whole[0], "as many faults"
    assert left[1] < whole[1], "as many changes"


def test_each_fault_that_is_left_is_needed() -> None:
    verdict = _planted("lease_ignored")

    left = shrunk(verdict, "lease_ignored").narrowing

    faults = left.only_faults or ()
    assert faults
    for one in faults:
        others = tuple(number for number in faults if number != one)
        fewer = Narrowing(others, left.changes, left.duration_s, left.daemons)
        again = run_planted(verdict.seed, verdict.arm, "lease_ignored", fewer)
        assert again.guarantee != verdict.guarantee


def test_the_command_shows_the_smallest_world_again(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = _planted("lease_ignored")
    smallest = shrunk(verdict, "lease_ignored")
    failing = Failing(verdict.seed, verdict.arm, "lease_ignored", verdict.guarantee)

    words = shlex.split(command(failing, smallest.narrowing))
    code = main(words[words.index("tests.simulation") + 1 :])

    assert code == 1
    assert smallest.verdict.failure in capsys.readouterr().out


def test_a_failure_is_told_with_its_smallest_world_and_both_commands() -> None:
    verdict = _planted("lease_ignored")

    text = told(verdict, "lease_ignored")

    assert verdict.failure in text
    assert "--only-faults" in text
    assert f"--seed {verdict.seed} --arm storm --bug lease_ignored --trace" in text


def test_all_that_a_seed_has_is_the_same_world_but_for_a_rounded_time() -> None:
    plan = scenario(5)

    again = scenario(5, "storm", all_of(plan))

    assert again.duration_s == pytest.approx(plan.duration_s, abs=0.1)
    assert (again.faults, again.changes, again.keys) == (plan.faults, plan.changes, plan.keys)
    assert (again.partitions, again.place, again.daemons) == (
        plan.partitions,
        plan.place,
        plan.daemons,
    )


def test_shrinking_ends_after_so_many_worlds() -> None:
    verdict = _planted("lease_ignored")
    failing = Failing(verdict.seed, verdict.arm, "lease_ignored", verdict.guarantee)

    smallest = Shrinker(failing, verdict, worlds_max=3).shrink()

    assert smallest.worlds <= 3
    assert smallest.verdict.guarantee == verdict.guarantee
