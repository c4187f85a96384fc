"""The generated day: every record in the order in which it is produced.

Seeded: the same seed and size give the same records, times apart. It must not know of Kafka, nor
of how a record is read; `fold` reads them on its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from daemon.tools.demo.broken import BROKEN
from daemon.tools.demo.cohorts import COHORTS, HOURS, CohortPlan, Kind
from daemon.tools.demo.people import Crowd, User, people

# Names change here, early enough for both names to be seen before the daemon is killed.
RENAME_AT = 4 / HOURS
_FLAP_STEP = 0.1 / HOURS
_FLAPS = (3, 7)


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the day. `at` is its time as a share of the day.

    Either `fields` are those of a good event, or `broken` says what is wrong with `raw`.
    """

    at: float
    key: bytes
    fields: dict[str, object] | None = None
    raw: bytes | None = None
    broken: str = ""

    def value(self, now_unix_s: float) -> bytes | None:
        """Return the record's value as produced now."""
        if self.fields is None:
            return self.raw
        moment = datetime.fromtimestamp(now_unix_s, UTC).isoformat(timespec="milliseconds")
        text = json.dumps({**self.fields, "occurred_at": moment}, ensure_ascii=False)
        return text.encode()


@dataclass(frozen=True, slots=True)
class Day:
    """`midnight` is in the log before anything else; `events` come in the order of their time."""

    midnight: tuple[Event, ...]
    events: tuple[Event, ...]

    @property
    def broken(self) -> int:
        """How many records must end as dead letters."""
        return sum(1 for event in (*self.midnight, *self.events) if event.broken)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What shall happen to a cohort at a time; with whom is decided when the time has come."""

    at: float
    plan: CohortPlan
    add: bool | None = None  # None: the user's state turns around.
    user: User | None = None  # None: whoever is in, or not.
    restate: bool = False  # Every member is stated anew.


def generate(seed: int, changes: int) -> Day:
    """Return a day with about this many live changes."""
    return _Generator(seed).day(changes)


class _Generator:
    """Turns wishes into events, in order of time, so that a leave is of somebody who is in."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        everybody = people()
        self._crowds: dict[str, Crowd] = {}
        for plan in COHORTS:
            users = [user for kind in Kind for user in everybody[kind][:: _step(plan, kind)]]
            self._crowds[plan.id] = Crowd(users)

    def day(self, changes: int) -> Day:
        midnight = [self._join(plan, 0.0) for plan in COHORTS for _ in range(plan.midnight)]
        self._chance.shuffle(midnight)
        wishes = sorted(
            (wish for plan in COHORTS for wish in self._wishes(plan, changes)),
            key=lambda wish: wish.at,
        )
        events = [event for wish in wishes for event in self._fulfil(wish)]
        for number, (what, raw) in enumerate(BROKEN):
            at = (number + 0.5) / len(BROKEN)
            events.append(Event(at, b"broken-%d" % number, raw=raw, broken=what))
        events.sort(key=lambda event: event.at)  # Stable: what one wish began stays in order.
        return Day(tuple(midnight), tuple(events))

    def _wishes(self, plan: CohortPlan, changes: int) -> Iterator[_Wish]:
        for share, add in ((plan.joins, True), (plan.leaves, False)):
            for at in self._times(plan, round(share * changes)):
                yield _Wish(at, plan, add)
        flapping = round(plan.flaps * changes / (sum(_FLAPS) / 2))
        everybody = self._crowds[plan.id]
        for at in self._times(plan, flapping):
            user = everybody.pick(self._chance, member=self._chance.random() < 0.5)  # noqa: PLR2004
            for step in range(self._chance.randint(*_FLAPS)):
                yield _Wish(min(at + step * _FLAP_STEP, 1.0), plan, user=user)
        if plan.renamed:
            yield _Wish(RENAME_AT, plan, restate=True)

    def _times(self, plan: CohortPlan, count: int) -> list[float]:
        hours = self._chance.choices(range(HOURS), plan.curve, k=count)
        return [(hour + self._chance.random()) / HOURS for hour in hours]

    def _fulfil(self, wish: _Wish) -> Iterator[Event]:
        crowd = self._crowds[wish.plan.id]
        if wish.restate:
            for member in crowd.members():
                yield self._event(wish.plan, member, add=True, at=wish.at)
            return
        add = wish.add
        if add is None:
            assert wish.user is not None
            add = wish.user not in crowd
        user = wish.user or crowd.pick(self._chance, member=not add)
        if user is not None:
            crowd.put(user, member=add)
            yield self._event(wish.plan, user, add=add, at=wish.at)

    def _join(self, plan: CohortPlan, at: float) -> Event:
        crowd = self._crowds[plan.id]
        user = crowd.pick(self._chance, member=False)
        assert user is not None, plan.id
        crowd.put(user, member=True)
        return self._event(plan, user, add=True, at=at)

    def _event(self, plan: CohortPlan, user: User, *, add: bool, at: float) -> Event:
        renamed = plan.renamed if at >= RENAME_AT else None
        name = renamed or plan.name
        fields: dict[str, object] = {"cohort_id": plan.id, "op": "add" if add else "remove"}
        fields |= user.identifiers(all_known=self._chance.random() < 0.2)  # noqa: PLR2004
        fields |= {"cohort_name": name} if name else {}
        return Event(at, user.key, fields)


def _step(plan: CohortPlan, kind: Kind) -> int:
    """Return every how manieth user of a kind may be in a cohort; past the end means none."""
    return {0: 10**9, 1: 2}.get(plan.kinds.count(kind), 1)
