"""How requests are spent where they are short: the daemon's own core beside simpler ways.

Simulated: a second costs as long as its events take. One change is one new member, so that each
has a freshness of its own: from when it was read to when Braze has it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from daemon.core.delivery import Attempt, Delivery, DeliveryRules
from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Partition
from daemon.core.pacer import Budget, Pacer
from daemon.core.plan import MEMBERS_MAX
from daemon.core.queue import WindowRules
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.core.verdict import Answer, Sent, Verdict
from tests.bench.packing_plot import plot
from tests.bench.table import save, show

MAX_AGE_S = 1.0
LATENCY_S = 0.15
TICK_S = 0.02
SLOTS = 24
# Braze's own quota, with the default reserve: 60.6 requests a second.
BUDGET = Budget()
_ACCEPTED = Answer(Verdict.ACCEPTED, Sent.ANSWERED, "ok", 201)
_LOG = Partition("members", 0)
# Memory without end: in the daemon reading would pause, which is another measure.
_RULES = RelayRules(WindowRules(max_age_s=MAX_AGE_S), pending_max=100_000_000)


@dataclass(frozen=True, slots=True)
class Load:
    """Who changes how often. `weights` are the live cohorts'; others have a backlog at the start.

    `share` is the part of the budget and of the changes that is this replica's.
    """

    name: str
    weights: tuple[float, ...]
    seconds: int = 60
    rate: int = 10_000  # Changes a second.
    backlogs: int = 0  # So many cohorts beside the live ones
    backlog: int = 0  # have so many changes each at the start.
    share: float = 1.0
    burst: int = 0  # Every ten seconds the first cohort has so many at once.

    def pacer(self) -> Pacer:
        """Return the request budget."""
        pacer = Pacer(BUDGET, 0.0)
        pacer.set_share(self.share, 0.0)
        return pacer

    def arrivals(self, chance: random.Random) -> Iterator[tuple[float, list[int]]]:
        """Yield each tick's cohorts, one for each change."""
        ends = list(itertools.accumulate(self.weights))
        everyone = range(len(ends))
        yield 0.0, [len(ends) + number for number in range(self.backlogs)] * self.backlog
        for tick in range(1, round(self.seconds / TICK_S)):
            count = round(self.rate * TICK_S)
            found = chance.choices(everyone, cum_weights=ends, k=count)
            if self.burst and tick % round(10 / TICK_S) == 0:
                found += [0] * self.burst
            yield tick * TICK_S, found

    def best_p99_s(self) -> float:
        """Return what no way of spending the budget can be much below, but for a backlog.

        A window that its first change opens and that leaves D later costs a request each D and a
        pause until the next change. 99 % of the changes are those of the cohorts that change most;
        the others may wait for ever. Where requests are not short, a window is as long as it is
        wished, or until it is full.
        """
        rates = self._rates_of_99_percent()
        budget = self.pacer().rate_s
        wish_s = 0.99 * max(min(MAX_AGE_S, MEMBERS_MAX / rate) for rate in rates)
        low_s, high_s = 0.0, 1e6
        while high_s - low_s > 1e-3:
            middle_s = (low_s + high_s) / 2
            needed = sum(1 / (middle_s + 1 / rate) for rate in rates)
            low_s, high_s = (middle_s, high_s) if needed > budget else (low_s, middle_s)
        return max(high_s, wish_s) + LATENCY_S

    def _rates_of_99_percent(self) -> list[float]:
        total, found, covered = sum(self.weights), [], 0.0
        for weight in sorted(self.weights, reverse=True):
            if covered >= 0.99 * total:
                break
            covered += weight
            found.append(self.rate * weight / total)
        return found


def zipf(cohorts: int) -> tuple[float, ...]:
    """Return weights of which the second is half the first, the third a third, and so on."""
    return tuple(1 / rank for rank in range(1, cohorts + 1))


LOADS = (
    Load("5 cohorts", (1.0,) * 5),
    Load("50 cohorts", (1.0,) * 50),
    Load("500 cohorts", (1.0,) * 500),
    Load("500, Zipf", zipf(500)),
    Load("5,000, Zipf", zipf(5_000), seconds=300, rate=2_000),
    Load("50,000, Zipf", zipf(50_000), seconds=2_400, rate=250),
    Load("50, one bursts", (1.0,) * 50, burst=50_000),
    Load("49 beside a backlog", (1.0,) * 49, backlogs=1, backlog=3_000_000),
    Load("24 beside 26 backlogs", (1.0,) * 24, backlogs=26, backlog=120_000),
    Load("10 beside 3, 1/12", (1.0,) * 10, rate=833, backlogs=3, backlog=100_000, share=1 / 12),
)


class Way(Protocol):
    """A way to spend requests; it is told changes and says what is accepted when."""

    requests: int

    def read(self, cohorts: Iterable[int], now_s: float) -> None:
        """Take in changes."""

    def turn(self, now_s: float) -> list[tuple[int, list[float]]]:
        """Return what Braze has taken by now: the cohort, and when each change was read."""


class Cohortd:
    """The relay and the delivery of the daemon, with Braze's answers after `LATENCY_S`."""

    def __init__(self, load: Load) -> None:
        self.requests = 0
        self._relay = Relay(_RULES, Lease(math.inf))
        self._relay.assign({_LOG: Start(0)})
        rules = DeliveryRules(slots=SLOTS, announce=False, budget=BUDGET)
        self._delivery = Delivery(rules, lambda: 0.5, 0.0)
        self._delivery.lease_until_s = math.inf
        self._delivery.pacer = load.pacer()
        self._wire: deque[tuple[float, Attempt]] = deque()
        self._read_at_s: dict[str, float] = {}
        self._offset = 0

    def read(self, cohorts: Iterable[int], now_s: float) -> None:
        changes: defaultdict[str, Changes] = defaultdict(dict)
        first = self._offset
        for cohort in cohorts:
            member = f"m{self._offset}"
            changes[str(cohort)][member] = True
            self._read_at_s[member] = now_s
            self._offset += 1
        if changes:
            run = ChangeSet(_LOG, first, self._offset, changes, self._offset - first)
            self._relay.absorb(run, now_s)

    def turn(self, now_s: float) -> list[tuple[int, list[float]]]:
        self._relay.acknowledge(self._relay.intents([_LOG], now_s), now_s)
        taken = []
        while self._wire and self._wire[0][0] <= now_s:
            _, attempt = self._wire.popleft()
            for outcome in self._delivery.finish(attempt.id, _ACCEPTED, now_s, now_s):
                self._relay.complete(outcome, now_s)
            assert attempt.update is not None
            read = [self._read_at_s.pop(str(member)) for member in attempt.update.changes]
            taken.append((int(attempt.cohort), read))
        for flush in self._relay.seal(now_s, capacity=self._delivery.capacity(now_s)):
            self._delivery.submit(flush)
        for attempt in self._delivery.start(now_s):
            self.requests += 1
            self._wire.append((now_s + LATENCY_S, attempt))
        return taken


@dataclass(slots=True)
class _Simple:
    """Windows without a daemon: `choose` names the next cohort whose window leaves."""

    pacer: Pacer
    requests: int = 0
    _wire: deque[tuple[float, int, list[float]]] = field(default_factory=deque)

    def read(self, cohorts: Iterable[int], now_s: float) -> None:
        raise NotImplementedError

    def choose(self, now_s: float) -> tuple[int, list[float]] | None:
        raise NotImplementedError

    def turn(self, now_s: float) -> list[tuple[int, list[float]]]:
        taken = []
        while self._wire and self._wire[0][0] <= now_s:
            taken.append(self._wire.popleft()[1:])
        while len(self._wire) < SLOTS and self.pacer.ready_at_s(now_s) <= now_s:
            chosen = self.choose(now_s)
            if chosen is None:
                break
            self.pacer.take(now_s)
            self.requests += 1
            self._wire.append((now_s + LATENCY_S, *chosen))
        return taken


class OldestFirst(_Simple):
    """A request for whoever holds the oldest change of all, once it is as old as the window."""

    def __init__(self, load: Load) -> None:
        super().__init__(load.pacer())
        self._pending: defaultdict[int, deque[float]] = defaultdict(deque)
        self._oldest: list[tuple[float, int]] = []

    def read(self, cohorts: Iterable[int], now_s: float) -> None:
        for cohort in cohorts:
            if not self._pending[cohort]:
                heapq.heappush(self._oldest, (now_s, cohort))
            self._pending[cohort].append(now_s)

    def choose(self, now_s: float) -> tuple[int, list[float]] | None:
        if not self._oldest or self._oldest[0][0] > now_s - MAX_AGE_S:
            return None
        _, cohort = heapq.heappop(self._oldest)
        line = self._pending[cohort]
        sent = [line.popleft() for _ in range(min(len(line), MEMBERS_MAX))]
        if line:
            heapq.heappush(self._oldest, (line[0], cohort))
        return cohort, sent


class FixedWindows(_Simple):
    """Each window is closed at its age, and leaves in its turn: nothing more gets into it."""

    def __init__(self, load: Load) -> None:
        super().__init__(load.pacer())
        self._open: dict[int, list[float]] = {}
        self._closed: deque[tuple[int, list[float]]] = deque()

    def read(self, cohorts: Iterable[int], now_s: float) -> None:
        for cohort in cohorts:
            window = self._open.setdefault(cohort, [])
            window.append(now_s)
            if len(window) == MEMBERS_MAX:
                self._closed.append((cohort, self._open.pop(cohort)))

    def choose(self, now_s: float) -> tuple[int, list[float]] | None:
        while self._open:
            cohort, window = next(iter(self._open.items()))  # The one that was opened first.
            if window[0] > now_s - MAX_AGE_S:
                break
            self._closed.append((cohort, self._open.pop(cohort)))
        return self._closed.popleft() if self._closed else None


WAYS: dict[str, Callable[[Load], Way]] = {
    "cohortd": Cohortd,
    "oldest first": OldestFirst,
    "fixed windows": FixedWindows,
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a way came to under a load: freshness in seconds, of all changes but a backlog's."""

    p50_s: float
    p99_s: float
    requests: int
    changes_a_request: float


def simulate(load: Load, way: Way, seed: int) -> Found:
    """Run a load; what is not delivered in the end counts as old as it is by then."""
    waiting: defaultdict[float, int] = defaultdict(int)
    fresh_s: list[float] = []
    changes = 0
    warm_s = load.seconds / 4
    for now_s, cohorts in load.arrivals(random.Random(seed)):
        way.read(cohorts, now_s)
        live = [each for each in cohorts if each < len(load.weights)]
        if now_s >= warm_s:
            waiting[now_s] += len(live)
        for cohort, read in way.turn(now_s):
            changes += len(read)
            if cohort >= len(load.weights):
                continue
            for at_s in read:
                if at_s >= warm_s:
                    fresh_s.append(now_s - at_s)
                    waiting[at_s] -= 1
    fresh_s += [load.seconds - at_s for at_s, left in waiting.items() for _ in range(left)]
    fresh_s.sort()
    p50_s, p99_s = (fresh_s[math.ceil(share * len(fresh_s)) - 1] for share in (0.5, 0.99))
    return Found(p50_s, p99_s, way.requests, changes / max(1, way.requests))


HEAD = ("load", "best p99 s", "way", "p50 s", "p99 s", "x best", "requests", "changes a request")


def run(seed: int) -> int:
    """Print the table, and keep it and its plot."""
    rows: list[tuple[str, ...]] = []
    ratios: dict[str, dict[str, float]] = {}
    for load in LOADS:
        best_s = load.best_p99_s()
        for name, make in WAYS.items():
            found = simulate(load, make(load), seed)
            ratios.setdefault(load.name, {})[name] = found.p99_s / best_s
            rows.append(
                (
                    load.name,
                    f"{best_s:.1f}",
                    name,
                    f"{found.p50_s:.1f}",
                    f"{found.p99_s:.1f}",
                    f"{found.p99_s / best_s:.2f}",
                    str(found.requests),
                    f"{found.changes_a_request:.0f}",
                )
            )
            print(*rows[-1], flush=True)
    print("\n" + show(HEAD, rows))
    print(
        f"saved: {save('packing', {'rows': [dict(zip(HEAD, row, strict=True)) for row in rows]})}"
    )
    print(f"plot: {plot(ratios)}")
    return 0
