"""What a seed stands for: the shape of the log, the limits of the daemon, the faults to come.

Times are those of a small installation, a few times shorter than the defaults, in the same
proportions; so a minute of the simulated world holds many hand-overs.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from unittest.mock import patch

from daemon.core.model import Alias, Device, Member, Partition
from tests.simulation.happenings import FAULTS_OF, GENTLE, KINDS_OF

SESSION_S = 12.0
HEARTBEAT_S = 1.0
REQUEST_S = 2.0
SETTLE_S = 5.0
POLL_S = 36.0  # max.poll.interval
GRACE_S = 15.0
REVOKE_MARGIN_S = 4.0
HELD_S = 6.0
STUCK_AFTER_S = 35.0  # Longer than the 15 s after which a culprit is tried again, twice.
RENAME_EVERY_S = 6.0
UNIX_0_S = 1_700_000_000.0
FINGERPRINT = "simulated"

# All that an end of faults may still cost: a session, the wait, a cool-down, probes, evidence.
HEALED_WITHIN_S = 150.0

Key: TypeAlias = tuple[str, Member]

AMPLE = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The daemon's own limits, small enough to be met."""

    pending_max: int
    reserve: int
    update_members: int
    window_members: int
    window_age_s: float
    window_changes: int
    removal_delay_s: float
    poll_max: int
    slots: int
    per_hour: float
    announce: bool
    give_up_after_s: float
    names_topic: bool = False
    schemas: int = 0  # How many there are; where there are none, nobody asks for one.
    cohorts_max: int = AMPLE
    far: int = AMPLE  # So many offsets are a backlog, which a daemon gathers when it starts.


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world to be, whole and plain: what a failing one is shrunk to is another of these."""

    seed: int
    arm: str
    partitions: tuple[Partition, ...]
    late: Partition  # Comes into being while the daemons run, if a fault says so.
    place: dict[Key, Partition]
    keys: tuple[Key, ...]
    strangers: tuple[Key, ...]  # Of cohorts that are nobody's.
    refused: frozenset[Key]
    daemons: int
    changes: int
    backlog: bool  # Half of the changes are there when the first daemon starts.
    duration_s: float
    faults: tuple[tuple[int, float, str], ...]  # Each with its number, from which its chance comes.
    limits: Limits
    eager: bool  # A rebalance takes everything from everybody first.
    start: str  # Where a group begins that has no offsets.
    ambiguous: float  # How many requests get no clear answer, outages aside.
    broken: float


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is left of a seed's scenario; None leaves as much as there was.

    All else stays as the seed has drawn it, the chance of each fault too.
    """

    only_faults: tuple[int, ...] | None = None
    changes: int | None = None
    duration_s: float | None = None
    daemons: int | None = None
    cohorts: int | None = None
    partitions: int | None = None


WHOLE = Narrowing()


def _member(number: int) -> Member:
    if number % 4 == 2:
        return Device(f"m{number}")
    if number % 4 == 3:
        return Alias(f"m{number}", "email")
    return f"m{number}"


def _limits(rng: random.Random, arm: str) -> Limits:
    calm = arm in GENTLE
    tight = not calm and (rng.random() < 0.5 or arm == "locked")
    return Limits(
        pending_max=rng.randint(60, 100) if tight else AMPLE,
        reserve=20_000 if calm else rng.choice((6, 20, 20_000)),
        update_members=rng.choice((2, 3, 1_000)),
        # A closed window waits for the one before it, so an early stop may leave it undone.
        window_members=16_000 if calm else rng.choice((3, 8, 16_000)),
        window_age_s=rng.choice((0.0, 0.5, 2.0)),
        window_changes=rng.choice((2, 6, 1_000)),
        removal_delay_s=rng.choice((0.0, 0.0, 0.7, 4.0)),
        # Memory may be exceeded by one poll: small ones show whether anything is paused at all.
        poll_max=rng.choice((1, 1, 3, 10) if tight else (1, 3, 10, 50)),
        slots=rng.randint(1, 6),
        # What is held must fit the budget of a revoke, where nothing may be sent twice.
        per_hour=250_000.0 if calm else rng.choice((16_000.0 if tight else 8_000.0, 250_000.0)),
        announce=rng.random() < 0.3,
        give_up_after_s=math.inf if calm else rng.choice((math.inf, math.inf, 6.0)),
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


def _draw(seed: int, arm: str) -> Scenario:
    rng = random.Random(f"{seed} {arm}")
    storm = arm == "storm"
    limits = _limits(rng, arm)
    tight = limits.pending_max < AMPLE  # Then there must be enough to fill it.
    topics = ["t", "u"][: rng.choice((1, 1, 2))]
    count = rng.randint(3 if tight else len(topics), 4)
    partitions = tuple(Partition(topics[n % len(topics)], n // len(topics)) for n in range(count))
    late = Partition("t", sum(partition.topic == "t" for partition in partitions))
    cohorts = [f"c{n}" for n in range(4 if tight else rng.randint(2, 4))]
    members = [_member(n) for n in range(rng.randint(6 if tight else 3, 8))]
    keys = tuple((cohort, member) for cohort in cohorts for member in members)
    place = {key: rng.choice(partitions) for key in keys}
    refused = frozenset(_refused(rng, keys, place)) if storm else frozenset()
    # Members that nobody has heard of before, since those of the others have their partition.
    place |= {(cohort, _member(n)): late for cohort in cohorts for n in (100, 101)}
    duration_s = rng.uniform(25, 70)
    kinds = KINDS_OF[arm]
    trouble = range(rng.randint(2, 10)) if kinds else ()
    faults = sorted((rng.uniform(2, duration_s), rng.choice(kinds)) for _ in trouble)
    plan = Scenario(
        seed=seed,
        arm=arm,
        partitions=partitions,
        late=late,
        place=place,
        keys=tuple(place),
        strangers=(),
        refused=refused,
        daemons=rng.randint(1, 3),
        changes=rng.randint(100, 220) if tight else rng.randint(40, 160),
        backlog=rng.random() < (0.6 if tight else 0.3),
        duration_s=duration_s,
        faults=tuple((number, *fault) for number, fault in enumerate(faults)),
        limits=limits,
        eager=rng.random() < 0.3,
        start=rng.choice(("earliest", "earliest", "latest")) if storm else "earliest",
        ambiguous=rng.choice((0.0, 0.05, 0.3)) if storm else 0.0,
        broken=0.03 if storm else 0.0,
    )
    if arm == "locked":
        plan = _locked_at_once(plan)
    return _with_surroundings(plan, len(cohorts), tight=tight)


def _locked_at_once(plan: Scenario) -> Scenario:
    """Have one daemon find more than memory holds, and a cohort locked; few faults come after."""
    later = ((number + 1, at_s, kind) for number, at_s, kind in plan.faults[:3])
    pending_max = plan.limits.pending_max * 3 // 5
    return dataclasses.replace(
        plan,
        daemons=1,
        backlog=True,
        faults=((0, 0.0, "lock_for_long"), *later),
        limits=dataclasses.replace(plan.limits, pending_max=pending_max),
    )


def _with_surroundings(plan: Scenario, cohorts: int, *, tight: bool) -> Scenario:
    """Add what only some have: a topic of names, a registry, cohorts that come from anybody.

    They have chance of their own, so that a world without them is what it was before.
    """
    rng, storm = random.Random(f"{plan.seed} {plan.arm} surroundings"), plan.arm == "storm"
    limits = dataclasses.replace(
        plan.limits,
        names_topic=plan.limits.announce and rng.random() < 0.7,
        schemas=rng.choice((0, 0, 0, 2, 4)),
    )
    strangers: tuple[Key, ...] = ()
    if storm and not tight and rng.random() < 0.35:
        strangers = tuple((f"x{n}", f"s{n}") for n in range(rng.randint(3, 8)))
        most = rng.randint(max(1, cohorts - 1), cohorts + 2)
        limits = dataclasses.replace(limits, cohorts_max=most)
    has = {
        "announce": limits.announce,
        "names_topic": limits.names_topic,
        "schemas": limits.schemas,
        "strangers": strangers,
    }
    kinds = [kind for what, kinds in FAULTS_OF.items() if has[what] for kind in kinds]
    more = range(rng.randint(1, 4)) if storm and kinds else ()
    first = len(plan.faults)
    if plan.backlog:
        chance = random.Random(f"{plan.seed} {plan.arm} backlog")
        limits = dataclasses.replace(limits, far=chance.choice((AMPLE, 3, 10)))
    return dataclasses.replace(
        plan,
        limits=limits,
        strangers=strangers,
        place=plan.place | {key: rng.choice(plan.partitions) for key in strangers},
        faults=(
            *plan.faults,
            *((first + n, rng.uniform(2, plan.duration_s), rng.choice(kinds)) for n in more),
        ),
    )


def scenario(seed: int, arm: str = "storm", narrowing: Narrowing = WHOLE) -> Scenario:
    """Draw a world. The arms say what goes wrong: see `KINDS_OF`."""
    plan = _draw(seed, arm)
    partitions = plan.partitions[: narrowing.partitions]
    cohorts = sorted({cohort for cohort, _ in plan.keys})[: narrowing.cohorts]
    places = {*partitions, plan.late}
    keys = tuple(k for k in plan.keys if k[0] in cohorts and plan.place[k] in places)
    strangers = tuple(key for key in plan.strangers if plan.place[key] in places)
    only = narrowing.only_faults
    return dataclasses.replace(
        plan,
        partitions=partitions,
        place={key: plan.place[key] for key in (*keys, *strangers)},
        keys=keys,
        strangers=strangers,
        refused=plan.refused.intersection(keys),
        faults=tuple(fault for fault in plan.faults if only is None or fault[0] in only),
        daemons=narrowing.daemons or plan.daemons,
        changes=plan.changes if narrowing.changes is None else narrowing.changes,
        duration_s=narrowing.duration_s or plan.duration_s,
    )


@contextmanager
def scaled(limits: Limits) -> Iterator[None]:
    """Make the daemon's built-in limits those of the scenario, as long as it runs."""
    constants: dict[str, Any] = {
        "daemon.core.tenure.RESERVE": limits.reserve,
        "daemon.core.plan.MEMBERS_MAX": limits.update_members,
        "daemon.core.queue.MEMBERS_MAX": limits.window_members,
        "daemon.intake.backlog.FAR": limits.far,
        "daemon.intake.loop.REVOKE_MARGIN_S": REVOKE_MARGIN_S,
        "daemon.intake.standstill.HELD_S": HELD_S,
        "daemon.core.sender.SEARCH_PAUSE_S": 6.0,
        "daemon.core.cohort_names.RENAME_EVERY_S": RENAME_EVERY_S,
        "daemon.registry.library.UNKNOWN_FOR_S": 8.0,
        "daemon.intake.watch.PICTURE_EVERY_S": 2.0,
        "daemon.intake.watch.STUCK_AFTER_S": STUCK_AFTER_S,
    }
    with ExitStack() as stack:
        for name, value in constants.items():
            stack.enter_context(patch(name, value))
        yield
