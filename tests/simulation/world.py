"""Virtual time, and the order in which things happen: one heap, one source of chance."""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from tests.simulation.scenario import Scenario

TRACE_TAIL = 120


class Violation(AssertionError):  # noqa: N818 - What the oracle has found, not an error of ours.
    """A guarantee was broken: which one, and how."""

    def __init__(self, guarantee: str, what: str) -> None:
        super().__init__(f"{guarantee}: {what}")
        self.guarantee = guarantee


class Killed(BaseException):
    """The process this stack belongs to is no more."""


class Waiter(Protocol):
    """Who waits inside a call while the world goes on."""

    def check_alive(self) -> None:
        """Raise Killed where it is no more."""

    @property
    def frozen(self) -> bool:
        """Nothing of it moves."""


class World:
    """The clock and the chance of a scenario. Nothing happens but by an event on the heap.

    A call that waits (`wait`) lets the world go on from inside, so the other processes, the
    coordinator and Braze move meanwhile, as they do while one thread of a daemon is blocked.
    """

    def __init__(self, plan: Scenario, *, keep_trace: bool = False) -> None:
        self.plan = plan
        self.rng = random.Random(f"{plan.seed} {plan.arm} world")
        self.now = 0.0
        self.steps = 0
        self.healed = False
        self.clock_off_s = 0.0  # How wrong the wall clock is that the daemons see.
        self.seen: Counter[str] = Counter()
        self.trace: deque[tuple[float, str, tuple[object, ...]]]
        self.trace = deque(maxlen=None if keep_trace else TRACE_TAIL)
        self.depth = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._digest = hashlib.sha256() if keep_trace else None

    def at(self, at_s: float, do: Callable[[], None]) -> None:
        """Have something happen at a time, or now where that is past."""
        heapq.heappush(self._heap, (max(at_s, self.now), next(self._order), do))

    def after(self, delay_s: float, do: Callable[[], None]) -> None:
        """Have something happen later."""
        self.at(self.now + delay_s, do)

    def step(self) -> None:
        """Let the next thing happen."""
        at_s, _, do = heapq.heappop(self._heap)
        self.now = max(self.now, at_s)
        self.steps += 1
        do()

    def run_until(self, at_s: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let things happen until a time; tell whether `done` came first."""
        while self._heap and self._heap[0][0] <= at_s:
            if done():
                return True
            self.step()
        self.now = max(self.now, at_s)
        return done()

    def wait(self, who: Waiter, done: Callable[[], bool], until_s: float) -> None:
        """Let the world go on inside a call of `who`, until it is done or out of time."""
        self.at(until_s, lambda: None)
        self.depth += 1
        try:
            while True:
                who.check_alive()
                if not who.frozen and (done() or self.now >= until_s):
                    return
                self.step()
        finally:
            self.depth -= 1

    def chance(self, part: float) -> bool:
        """Be true in this part of all cases."""
        return self.rng.random() < part

    def note(self, what: str, *details: object) -> None:
        """Write a line of the trace."""
        self.trace.append((self.now, what, details))
        if self._digest is not None:
            self._digest.update(f"{self.now:.6f} {what} {details}\n".encode())

    def sometimes(self, what: str, count: int = 1) -> None:
        """Count that something rare really happened."""
        if count:
            self.seen[what] += count

    def trace_hash(self) -> str:
        """Return what the whole trace sums up to."""
        assert self._digest is not None
        return self._digest.hexdigest()


def readable(trace: deque[tuple[float, str, tuple[object, ...]]]) -> str:
    """Return a trace as lines."""
    return "\n".join(
        f"{at_s:9.3f}  {what:<14} {' '.join(str(d) for d in details)}"
        for at_s, what, details in trace
    )
