"""Runs worlds: one seed from start to verdict, or many of them."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from tests.simulation.braze import Braze
from tests.simulation.coordinator import Coordinator
from tests.simulation.faults import Faults
from tests.simulation.fetcher import entries_for_messages
from tests.simulation.log import Log, Producer
from tests.simulation.names import Book
from tests.simulation.oracle import Oracle
from tests.simulation.outbox import Mailbox
from tests.simulation.parts import Surroundings
from tests.simulation.registry import Registry
from tests.simulation.scenario import HEALED_WITHIN_S, WHOLE, Narrowing, scaled, scenario
from tests.simulation.world import Violation, World, readable

# A small window at a time, with a refused member in each, may take that much longer.
SLOW_MINUTES = 5


@dataclass(slots=True)
class Verdict:
    """How a world ended. `guarantee` is the one that was broken, empty where none was."""

    seed: int
    arm: str
    guarantee: str = ""
    failure: str = ""
    trace: str = ""
    trace_hash: str = ""
    virtual_s: float = 0.0
    healed_in_s: float = 0.0
    steps: int = 0
    attempts: int = 0
    repeats: int = 0
    seen: Counter[str] = field(default_factory=Counter)


def be_silent() -> None:
    """Let the daemon's log say nothing: the trace tells more."""
    structlog.configure(
        processors=[],
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def run(
    seed: int, arm: str = "storm", narrowing: Narrowing = WHOLE, *, keep_trace: bool = False
) -> Verdict:
    """Run one world to its end."""
    be_silent()
    plan = scenario(seed, arm, narrowing)
    world = World(plan, keep_trace=keep_trace)
    log = Log(plan)
    oracle = Oracle(world, log)
    verdict = Verdict(seed, arm)
    with scaled(plan.limits), entries_for_messages():
        coordinator = Coordinator(world, oracle)
        oracle.owners = coordinator
        mailbox = Mailbox(world, oracle)
        braze = Braze(world, oracle, Book(world))
        around = Surroundings(world, log, oracle, coordinator, braze, mailbox, Registry(world))
        try:
            _live(around, verdict)
        except Violation as violation:
            verdict.guarantee, verdict.failure = violation.guarantee, str(violation)
        except Exception as error:  # noqa: BLE001 - A crash of the daemon is a finding as well.
            verdict.guarantee = "crash"
            verdict.failure = f"crash: {error!r}\n{traceback.format_exc()}"
    verdict.virtual_s, verdict.steps = world.now, world.steps
    verdict.attempts, verdict.repeats, verdict.seen = oracle.attempts, oracle.repeats, world.seen
    if oracle.repeats:
        world.sometimes("replay", oracle.repeats)
    if verdict.failure or keep_trace:
        verdict.trace = readable(world.trace)
    if keep_trace:
        verdict.trace_hash = world.trace_hash()
    return verdict


def _live(around: Surroundings, verdict: Verdict) -> None:
    world, oracle = around.world, around.oracle
    producer = Producer(world, around.log)
    faults = Faults(around)
    world.run_until(world.plan.duration_s)
    faults.heal()
    world.run_until(world.now + 1.0)
    for _ in range(2):  # Once all flows, a refused member has its evidence.
        producer.probe()
        world.run_until(world.now + 10.0)
    healed_at_s = world.now
    quiet: Callable[[], bool] = lambda: (  # noqa: E731
        all(process.quiet for process in faults.living) and not any(oracle.undone())
    )
    # Producers go on, if slowly: who was refused alone is refused for good only while Braze
    # takes others (G12), so a world that fell silent for ever would rightly wait for ever.
    while world.now < healed_at_s + HEALED_WITHIN_S - 60 and not world.run_until(
        world.now + 20.0, quiet
    ):
        producer.probe()
    world.run_until(healed_at_s + HEALED_WITHIN_S, quiet)
    if not quiet() and not _gets_there(around, quiet):
        left = ", ".join(oracle.undone()) or "windows or flushes are left"
        raise Violation(
            "G10", f"not done {world.now - healed_at_s:.0f} s after the end of all faults: {left}"
        )
    verdict.healed_in_s = world.now - healed_at_s
    oracle.final()
    around.braze.book.final(around.log)


def _gets_there(around: Surroundings, quiet: Callable[[], bool]) -> bool:
    """Tell whether a long way is gone to its end, and every minute some of it."""
    world, commits = around.world, around.oracle.commits
    for _ in range(SLOW_MINUTES):
        before = commits.progress()
        if world.run_until(world.now + 60.0, quiet):
            return True
        if commits.progress() == before:
            return False
    return False
