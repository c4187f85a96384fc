"""From a seed that fails to the smallest world that still does: fewer faults, less of all else.

A scenario is data, so it is narrowed and run again, as long as the same guarantee is broken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.canaries import run_planted
from tests.simulation.runner import Verdict
from tests.simulation.scenario import Narrowing, Scenario, scenario

# A world takes some 30 ms, so a failure is shrunk in some seconds.
WORLDS_MAX = 400

_SHORTEST_S = 1.0
_LEAST_OF = {"changes": 0, "daemons": 1, "cohorts": 1, "partitions": 1}


@dataclass(frozen=True, slots=True)
class Failing:
    """A world that broke a guarantee: its seed, and the bug that was planted, if one was."""

    seed: int
    arm: str
    bug: str
    guarantee: str


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest that was found, what it says, and how many worlds that took."""

    narrowing: Narrowing
    verdict: Verdict
    worlds: int


def all_of(plan: Scenario) -> Narrowing:
    """Return the narrowing that leaves everything, said in full."""
    return Narrowing(
        only_faults=tuple(number for number, *_ in plan.faults),
        changes=plan.changes,
        duration_s=round(plan.duration_s + 0.05, 1),
        daemons=plan.daemons,
        cohorts=len({cohort for cohort, _ in plan.keys}),
        partitions=len(plan.partitions),
    )


class Shrinker:
    """Narrows step by step; a step that breaks nothing, or something else, is undone."""

    def __init__(self, failing: Failing, verdict: Verdict, worlds_max: int = WORLDS_MAX) -> None:
        self.worlds = 0
        self._failing = failing
        self._worlds_max = worlds_max
        self._narrowing = all_of(scenario(failing.seed, failing.arm))
        self._verdict = verdict

    def shrink(self) -> Shrunk:
        """Return the smallest that still breaks the same guarantee."""
        self._try()  # The whole, its times rounded; where that is another world, it is left.
        before = None
        while before != self._narrowing and self.worlds < self._worlds_max:
            before = self._narrowing
            self._leave_out_faults()
            for name, least in _LEAST_OF.items():
                self._lower(name, least)
            self._shorten()
        return Shrunk(self._narrowing, self._verdict, self.worlds)

    def _try(self, **changed: object) -> bool:
        """Keep a change where the same guarantee is still broken."""
        if self.worlds >= self._worlds_max:
            return False
        narrowing = dataclasses.replace(self._narrowing, **changed)  # type: ignore[arg-type]
        self.worlds += 1
        failing = self._failing
        verdict = run_planted(failing.seed, failing.arm, failing.bug, narrowing)
        if verdict.guarantee != failing.guarantee:
            return False
        self._narrowing, self._verdict = narrowing, verdict
        return True

    def _leave_out_faults(self) -> None:
        """Leave out halves, then quarters, down to single ones (ddmin)."""
        size = max(1, len(self._narrowing.only_faults or ()) // 2)
        while True:
            at = 0
            while at < len(faults := self._narrowing.only_faults or ()):
                if not self._try(only_faults=faults[:at] + faults[at + size :]):
                    at += size
            if size == 1:
                return
            size //= 2

    def _lower(self, name: str, least: int) -> None:
        _step_down(
            lambda: getattr(self._narrowing, name) - least,
            lambda step: self._try(**{name: getattr(self._narrowing, name) - step}),
        )

    def _shorten(self) -> None:
        _step_down(
            lambda: int((self._narrowing.duration_s or 0) - _SHORTEST_S),
            lambda step: self._try(duration_s=round((self._narrowing.duration_s or 0) - step, 1)),
        )


def _step_down(room: Callable[[], int], lower: Callable[[int], bool]) -> None:
    """Lower by as much as goes: first by all the room there is, at last by one."""
    step = room()
    while step >= 1:
        if lower(step):
            step = min(step, room())
        else:
            step //= 2


def shrunk(verdict: Verdict, bug: str = "") -> Shrunk:
    """Shrink a world that failed."""
    return Shrinker(Failing(verdict.seed, verdict.arm, bug, verdict.guarantee), verdict).shrink()


def command(failing: Failing, narrowing: Narrowing) -> str:
    """Return what shows exactly this world again."""
    only = narrowing.only_faults
    options: dict[str, object] = {
        "seed": failing.seed,
        "arm": failing.arm,
        "bug": failing.bug or None,
        "only-faults": None if only is None else ",".join(map(str, only)) or "none",
        "changes": narrowing.changes,
        "duration": narrowing.duration_s,
        "daemons": narrowing.daemons,
        "cohorts": narrowing.cohorts,
        "partitions": narrowing.partitions,
    }
    told = (f"--{name} {value}" for name, value in options.items() if value is not None)
    return " ".join(["python -m tests.simulation", *told, "--trace"])


def told(verdict: Verdict, bug: str = "") -> str:
    """Return a failure as a person wants to read it: shrunk, with its trace, and how to see it."""
    smallest = shrunk(verdict, bug)
    failing = Failing(verdict.seed, verdict.arm, bug, verdict.guarantee)
    plan = scenario(verdict.seed, verdict.arm, smallest.narrowing)
    faults = ", ".join(f"{kind} at {at_s:.1f} s" for _, at_s, kind in plan.faults) or "no fault"
    cohorts = len({cohort for cohort, _ in plan.keys})
    size = (
        f"{plan.changes} changes in {plan.duration_s:.1f} s, {plan.daemons} daemons,"
        f" {cohorts} cohorts, {len(plan.partitions)} partitions"
    )
    return "\n".join(
        [
            f"seed {verdict.seed} ({verdict.arm}) broke {verdict.failure}",
            f"the smallest of {smallest.worlds} narrower worlds broke {smallest.verdict.failure}",
            smallest.verdict.trace,
            f"its scenario: {faults}; {size}",
            f"see it again:  {command(failing, smallest.narrowing)}",
            f"see the whole: {command(failing, Narrowing())}",
        ]
    )
