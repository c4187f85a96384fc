"""Seeded logs of membership changes, and the fold of each: what must be at Braze in the end.

It knows the formats as a producer does, and nothing of the daemon. The same name, size and seed
are the same bytes.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.bench.avro_events import writer

COHORTS = 50
_NAMES = [f"cohort-{number:02d}" for number in range(COHORTS)]
IDS_OF_A_REQUEST = 1_000

HOT_PAIRS = 20_000  # So many (cohort, user) pairs flap in the `hot` log.
SEEN_AGAIN = 0.04  # This part of the `flat` log is about a member it has named before.

Record: TypeAlias = tuple[bytes, bytes | None]

POISON_EVERY = 100  # One record in so many of the `poisoned` log has an unknown operation.
_POISON = b'{"cohort_id":"cohort-00","external_id":"poison","op":"upsert","v":1}'

_T0_MS = 1_764_000_000_000


@dataclass(slots=True)
class Fold:
    """The last word of a log on each member."""

    last: dict[str, dict[str, bool]] = field(default_factory=dict)

    def put(self, cohort: str, user: str, *, add: bool) -> None:
        self.last.setdefault(cohort, {})[user] = add

    def members(self) -> dict[str, set[str]]:
        """Return who is in each cohort the log names; a cohort may end empty."""
        return {
            cohort: {user for user, add in words.items() if add}
            for cohort, words in self.last.items()
        }

    def requests_min(self) -> int:
        """Return the requests of one window over the whole log: none can do with fewer."""
        return sum(math.ceil(len(words) / IDS_OF_A_REQUEST) for words in self.last.values())


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of log: its input section, its default size, and who writes it."""

    name: str
    format: str
    events: int
    write: Callable[[int, random.Random, Fold], Iterator[Record]]
    encoding: str = "json"

    @property
    def decoding(self) -> str:
        """What the shortest consumer has to do with it; see `consume`."""
        return self.format if self.encoding == "json" else self.encoding

    def records(self, events: int, seed: int, fold: Fold) -> Iterator[Record]:
        """Yield exactly so many records, tombstones included, folding each as it is yielded."""
        chance = random.Random(f"{self.name} {seed}")
        return itertools.islice(self.write(events, chance, fold), events)

    def input(self, topic: str) -> dict[str, object]:
        """Return the daemon's `inputs` entry for such a log."""
        entry: dict[str, object] = {"topic": topic, "format": self.format}
        if self.encoding != "json":
            entry["encoding"] = self.encoding
        if self.format == "debezium":
            entry["mapping"] = {
                "cohort_id": {"column": "cohort_id"},
                "external_id": {"column": "user_id"},
                "member_when": {"column": "status", "in": ["active"]},
            }
        return entry


def _skewed(chance: random.Random) -> Iterator[str]:
    """Yield cohorts without end, the n-th of them 1/n as often as the first."""
    weights = list(itertools.accumulate(1 / rank for rank in range(1, COHORTS + 1)))
    while True:
        yield from chance.choices(_NAMES, cum_weights=weights, k=1_000)


def _user(chance: random.Random) -> str:
    return f"{chance.getrandbits(96):024x}"


def native(cohort: str, user: str, occurred_at_ms: int, *, add: bool) -> Record:
    """Return a change in the native format: 110 bytes, the operation's name more or less."""
    op = "add" if add else "remove"
    value = (
        f'{{"cohort_id":"{cohort}","external_id":"{user}","op":"{op}",'
        f'"occurred_at":{occurred_at_ms},"v":1}}'
    )
    return f"{cohort}|{user}".encode(), value.encode()


def _evenly(chance: random.Random) -> Iterator[str]:
    while True:
        yield from chance.choices(_NAMES, k=1_000)


def _mostly_distinct(
    events: int, chance: random.Random, fold: Fold, cohorts: Iterator[str]
) -> Iterator[tuple[str, str, int, bool]]:
    """Yield changes of mostly distinct users, of whom a few leave again."""
    named: list[tuple[str, str]] = []
    for at, cohort in zip(range(events), cohorts, strict=False):
        if named and chance.random() < SEEN_AGAIN:
            pair = chance.choice(named)
            add = not fold.last[pair[0]][pair[1]]
        else:
            pair, add = (cohort, _user(chance)), True
            named.append(pair)
        fold.put(*pair, add=add)
        yield *pair, _T0_MS + at, add


def _flat(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    for cohort, user, at_ms, add in _mostly_distinct(events, chance, fold, _skewed(chance)):
        yield native(cohort, user, at_ms, add=add)


def _even(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    """Write what the flat log says, of cohorts that are all as large."""
    for cohort, user, at_ms, add in _mostly_distinct(events, chance, fold, _evenly(chance)):
        yield native(cohort, user, at_ms, add=add)


def _avro(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    """Write what the flat log says, in Avro by a schema of nine fields."""
    write = writer()
    for cohort, user, at_ms, add in _mostly_distinct(events, chance, fold, _skewed(chance)):
        yield f"{cohort}|{user}".encode(), write(cohort, user, at_ms, add)


def _poisoned(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    """Write the flat log with every hundredth record replaced by one that can't be used."""
    for at, record in enumerate(_flat(events, chance, fold)):
        if at % POISON_EVERY == 0:
            yield f"poison|{at}".encode(), _POISON
        yield record


def _hot(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    """Write about a few members who come and go without end."""
    cohorts = itertools.islice(_skewed(chance), HOT_PAIRS)
    pairs = [(cohort, _user(chance)) for cohort in cohorts]
    for at in range(events):
        pair = chance.choice(pairs)
        add = chance.random() < 0.5
        fold.put(*pair, add=add)
        yield native(*pair, _T0_MS + at, add=add)


def _row(cohort: str, user: str, status: str, at_ms: int) -> str:
    return (
        f'{{"cohort_id":"{cohort}","user_id":"{user}","status":"{status}",'
        f'"tenant_id":"11111111-2222-3333-4444-555555555555","source":"warehouse",'
        f'"entered_at":"2026-01-02T01:04:05.678901Z","updated_ts":{at_ms}}}'
    )


def _envelope(op: str, before: str, after: str, at_ms: int) -> bytes:
    return (
        f'{{"before":{before},"after":{after},"source":{{"version":"3.6.1.Final",'
        f'"connector":"postgresql","name":"warehouse","ts_ms":{at_ms},"snapshot":"false",'
        f'"db":"app","sequence":"[null,\\"22745224\\"]","ts_us":{at_ms}431,'
        f'"ts_ns":{at_ms}431499,"schema":"public","table":"cohort_membership","txId":776,'
        f'"lsn":22745224,"xmin":null,"origin":null,"origin_lsn":null}},"transaction":null,'
        f'"op":"{op}","ts_ms":{at_ms},"ts_us":{at_ms}060,"ts_ns":{at_ms}060107}}'
    ).encode()


def _debezium(events: int, chance: random.Random, fold: Fold) -> Iterator[Record]:
    """Write a table of memberships as PostgreSQL's connector does: a delete has a tombstone."""
    rows: list[tuple[str, str]] = []
    cohorts = _skewed(chance)
    for at_ms in range(_T0_MS, _T0_MS + events):
        choice = chance.random()
        if not rows or choice < 0.85:
            rows.append((next(cohorts), _user(chance)))
            pair, op, before, after = rows[-1], "c", "null", "active"
        elif choice < 0.96:
            pair, op = chance.choice(rows), "u"
            active = fold.last[pair[0]][pair[1]]
            before, after = ("active", "left") if active else ("left", "active")
        else:
            at = chance.randrange(len(rows))
            rows[at], rows[-1] = rows[-1], rows[at]
            pair, op, before, after = rows.pop(), "d", "active", "null"
        fold.put(*pair, add=after == "active")
        key = f'{{"cohort_id":"{pair[0]}","user_id":"{pair[1]}"}}'.encode()
        old, new = (s if s == "null" else _row(*pair, s, at_ms) for s in (before, after))
        yield key, _envelope(op, old, new, at_ms)
        if op == "d":
            yield key, None


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("flat", "native", 1_000_000, _flat),
        Workload("poisoned", "native", 1_000_000, _poisoned),
        Workload("hot", "native", 1_000_000, _hot),
        Workload("debezium", "debezium", 300_000, _debezium),
        Workload("avro", "native", 500_000, _avro, encoding="avro"),
    )
}

# For what is measured with it alone.
EVEN = Workload("even", "native", 1_000_000, _even)
