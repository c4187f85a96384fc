"""What a seed stands for: the shape of the log, the limits of the daemon, the faults to come.

Times are those of a small installation, a few times shorter than the defaults, in the same
proportions; so a minute of the simulated world holds many hand-overs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from unittest.mock import patch

from daemon.core.model import Alias, Device, Member, Partition

SESSION_S = 12.0
HEARTBEAT_S = 1.0
REQUEST_S = 2.0
SETTLE_S = 5.0
POLL_S = 36.0  # max.poll.interval
GRACE_S = 15.0
REVOKE_MARGIN_S = 4.0
UNIX_0_S = 1_700_000_000.0
FINGERPRINT = "simulated"

# All that an end of faults may still cost: a session, the wait, a cool-down, probes, evidence.
HEALED_WITHIN_S = 150.0

Key: TypeAlias = tuple[str, Member]

# Every kind of thing that goes wrong, by the method of `faults.Faults` that does it.
FAULTS = (
    "kill",
    "kill_in_revoke",
    "kill_at_call",
    "stop",
    "join",
    "freeze",
    "stall",
    "cut",
    "silence",
    "shuffle",
    "lose_commits",
    "refuse_commits",
    "outage",
    "unauthorized",
    "not_found",
    "quota",
    "lock",
    "slow_braze",
    "letters_out",
    "reset",
)
GRACEFUL = ("stop", "join", "shuffle")
_KINDS_OF: dict[str, tuple[str, ...]] = {"storm": FAULTS, "rolling": GRACEFUL, "calm": ()}
ARMS = tuple(_KINDS_OF)

# What 200 worlds of the storm must have seen, or they were not worth running.
MUST_HAPPEN = frozenset(
    {
        *(f"fault_{kind}" for kind in FAULTS),
        "abandoned",
        "answer_lost_after_applying",
        "applied_after_death",
        "applied_late",
        "barrier",
        "barrier_opened_by_memory",
        "bisection",
        "clean",
        "commit_answer_late",
        "commit_answer_lost",
        "commit_lost",
        "commit_rebalance_in_progress",
        "commit_unknown_member_id",
        "expired",
        "kafka_unavailable",
        "killed_at_call",
        "killed_in_close",
        "killed_in_revoke",
        "left_drained",
        "left_late",
        "lost_before_applying",
        "offset_reset",
        "on_lost",
        "paused",
        "poll_interval_exceeded",
        "put_back",
        "replay",
        "superseded",
        "unclean_takeover",
    }
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The daemon's own limits, small enough to be met."""

    pending_max: int
    reserve: int
    update_members: int
    window_members: int
    window_age_s: float
    window_changes: int
    poll_max: int
    slots: int
    per_hour: float
    announce: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world to be."""

    seed: int
    arm: str
    partitions: tuple[Partition, ...]
    place: dict[Key, Partition]
    refused: frozenset[Key]
    processes: int
    changes: int
    duration_s: float
    faults: tuple[tuple[float, str], ...]
    limits: Limits
    ambiguous: float  # How many requests get no clear answer, outages aside.
    broken: float = 0.03
    keys: tuple[Key, ...] = field(default=())


def _member(number: int) -> Member:
    if number % 4 == 2:
        return Device(f"m{number}")
    if number % 4 == 3:
        return Alias(f"m{number}", "email")
    return f"m{number}"


def _limits(rng: random.Random, *, calm: bool) -> Limits:
    tight = not calm and rng.random() < 0.5
    return Limits(
        pending_max=rng.randint(60, 100) if tight else 10_000,
        reserve=20_000 if calm else rng.choice((6, 20, 20_000)),
        update_members=rng.choice((2, 3, 1_000)),
        # A closed window waits for the one before it, so an early stop may leave it undone.
        window_members=16_000 if calm else rng.choice((3, 8, 16_000)),
        window_age_s=rng.choice((0.0, 0.5, 2.0)),
        window_changes=rng.choice((2, 6, 1_000)),
        poll_max=rng.choice((1, 3, 10, 50)),
        slots=rng.randint(1, 6),
        # What is held must fit the budget of a revoke, where nothing may be sent twice.
        per_hour=250_000.0 if calm else rng.choice((8_000.0, 250_000.0)),
        announce=rng.random() < 0.3,
    )


# Flushes under suspicion stay in memory; those of two cohorts leave room below the low-water mark
# of the smallest, so that the memory cap, which may delay others (G12), is not what is met.
_REFUSABLE = ("c0", "c1")


def _refused(
    rng: random.Random, keys: tuple[Key, ...], place: dict[Key, Partition]
) -> Iterator[Key]:
    """Yield whom Braze will never take, where others of the cohort can show that it is them."""
    taken: set[tuple[str, Partition]] = set()
    for key in keys:
        beside = (key[0], place[key])
        if key[0] in _REFUSABLE and beside in taken and rng.random() < 0.12:
            yield key
        else:
            taken.add(beside)


def scenario(seed: int, arm: str = "storm") -> Scenario:
    """Draw a world. Arms: `storm` has every fault, `rolling` graceful changes only, `calm` none."""
    rng = random.Random(f"{seed} {arm}")
    topics = ["t", "u"][: rng.choice((1, 1, 2))]
    count = rng.randint(len(topics), 4)
    partitions = tuple(Partition(topics[n % len(topics)], n // len(topics)) for n in range(count))
    cohorts = [f"c{n}" for n in range(rng.randint(2, 4))]
    members = [_member(n) for n in range(rng.randint(3, 8))]
    keys = tuple((cohort, member) for cohort in cohorts for member in members)
    storm = arm == "storm"
    limits = _limits(rng, calm=not storm)
    place = {key: rng.choice(partitions) for key in keys}
    refused = frozenset(_refused(rng, keys, place)) if storm else frozenset()
    duration_s = rng.uniform(25, 70)
    kinds = _KINDS_OF[arm]
    trouble = range(rng.randint(2, 9)) if kinds else ()
    faults = sorted((rng.uniform(2, duration_s), rng.choice(kinds)) for _ in trouble)
    return Scenario(
        seed=seed,
        arm=arm,
        partitions=partitions,
        place=place,
        refused=refused,
        processes=rng.randint(1, 3),
        changes=rng.randint(40, 160),
        duration_s=duration_s,
        faults=tuple(faults),
        limits=limits,
        ambiguous=rng.choice((0.0, 0.05, 0.3)) if storm else 0.0,
        broken=0.03 if storm else 0.0,
        keys=keys,
    )


@contextmanager
def scaled(limits: Limits) -> Iterator[None]:
    """Make the daemon's built-in limits those of the scenario, as long as it runs."""
    constants: dict[str, Any] = {
        "daemon.core.tenure.RESERVE": limits.reserve,
        "daemon.core.plan.MEMBERS_MAX": limits.update_members,
        "daemon.core.queue.MEMBERS_MAX": limits.window_members,
        "daemon.intake.loop.REVOKE_MARGIN_S": REVOKE_MARGIN_S,
        "daemon.core.sender.SEARCH_PAUSE_S": 6.0,
    }
    with ExitStack() as stack:
        for name, value in constants.items():
            stack.enter_context(patch(name, value))
        yield
