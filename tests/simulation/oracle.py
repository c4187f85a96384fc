"""What must hold, checked against the truth of the world whenever something happens.

It knows the whole log, what Braze applied in which order, what was answered, and who owns what;
the daemon's own books are never asked. Its findings are raised as `Violation`, inside the very
step that broke the guarantee.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from daemon.core.delivery import Attempt
from daemon.core.intent import TO_THE_END
from daemon.core.model import Changes, Flush, Lane, Partition
from daemon.kafka.records import Committed
from tests.simulation.log import Log
from tests.simulation.scenario import REQUEST_S, SETTLE_S, Key
from tests.simulation.world import Violation, World

_EPSILON_S = 1e-6
_TOKEN_PART = 0.01  # Filling adds fractions; so much of a token may be missing.


class Owners(Protocol):
    """The coordinator's truth."""

    offsets: dict[Partition, Committed]

    def owner_name(self, partition: Partition) -> str | None: ...


class Sending(Protocol):
    """The process that makes an attempt."""

    name: str

    def holds(self, partition: Partition) -> bool:
        """Tell whether it was assigned, and neither revoked nor lost since."""

    def session_until_s(self) -> float:
        """Return the earliest time at which the coordinator may give its partitions away."""

    def excused_below(self, partition: Partition) -> float:
        """Return below which offset memory opened a barrier, so that old states may show."""


@dataclass(slots=True, eq=False)
class Request:
    """One request that left a process, as it truly is."""

    sender: str
    cohort: str
    changes: dict[Key, tuple[bool, int]]  # Direction, and the offset it stands for.
    excused: dict[Key, bool]
    ended_at_s: float
    risk_until_s: float  # Braze may apply it until then.
    applied: int = 0
    diverted: bool = False


@dataclass(slots=True)
class Seen:
    """What became of a key."""

    state: bool = False
    newest: int = -1  # The highest offset whose state Braze has had.
    newest_add: bool = False
    acknowledged: int = -1  # The highest offset known to be done, by a 2xx that arrived.
    lettered: int = -1  # The highest offset acknowledged as a dead letter.
    requests: list[Request] = field(default_factory=list)


class Oracle:
    """Judges. Guarantees are named as on the page of guarantees."""

    def __init__(self, world: World, log: Log) -> None:
        self.owners: Owners
        self.keys: dict[Key, Seen] = defaultdict(Seen)
        self.broken_lettered: set[tuple[Partition, int]] = set()
        self.repeats = 0
        self.attempts = 0
        self._world = world
        self._log = log

    def _fail(self, guarantee: str, what: str) -> None:
        raise Violation(guarantee, what)

    # An attempt starts.

    def attempt(self, process: Sending, attempt: Attempt) -> Request | None:
        """Judge the start of an attempt; return the request that leaves."""
        now_s = self._world.now
        self.attempts += 1
        if now_s + REQUEST_S > process.session_until_s() + _EPSILON_S:
            self._fail("G6", f"{process.name} starts a request its session may not outlive")
        if attempt.update is None:
            return None
        assert attempt.flush is not None
        request = Request(
            process.name,
            attempt.cohort,
            {},
            {},
            now_s + REQUEST_S,
            now_s + REQUEST_S + SETTLE_S,
        )
        self._check_shape(attempt.update.changes)
        for member, add in attempt.update.changes.items():
            key = (attempt.cohort, member)
            lane = _lane_of(attempt.flush, member, add=add)
            if lane is None:
                self._fail("G3", f"{key} is in no lane of its flush")
                break
            self._check_owned(process, lane)
            self._check_key(request, key, lane, add=add)
            request.excused[key] = request.changes[key][1] < process.excused_below(lane.partition)
        return request

    def _check_shape(self, changes: Changes) -> None:
        if not 1 <= len(changes) <= self._world.plan.limits.update_members:
            self._fail("G3", f"a request of {len(changes)} members")

    def _check_owned(self, process: Sending, lane: Lane) -> None:
        partition = lane.partition
        if not process.holds(partition):
            self._fail("G6", f"{process.name} sends of {partition}, which it has given up")
        owner = self.owners.owner_name(partition)
        if owner != process.name:
            self._fail("G6", f"{process.name} sends of {partition}, which {owner} owns")
        committed = self.owners.offsets.get(partition)
        promised = _sent_to(committed) if committed else -1
        if lane.top > promised:
            self._fail("G5", f"{process.name} sends {partition} up to {lane.top} > {promised}")

    def _check_key(self, request: Request, key: Key, lane: Lane, *, add: bool) -> None:
        now_s = self._world.now
        found = self._log.below(key, lane.top)
        if found is None or found[1] is not add:
            self._fail("rule 3", f"{key} sent as {add} of {lane.top}, the log says {found}")
            return
        seen = self.keys[key]
        seen.requests = [r for r in seen.requests if r.risk_until_s > now_s]
        for other in seen.requests:
            if other.ended_at_s > now_s + _EPSILON_S:
                self._fail("G4", f"{key}: two requests outstanding, of {other.sender} and now")
            if other.changes[key][0] is not add:
                late_s = other.risk_until_s - now_s
                self._fail("G4", f"{key}: the opposite may be applied for {late_s:.3f} s more")
        seen.requests.append(request)
        request.changes[key] = (add, found[0])

    # Braze applies, processes hear.

    def apply(self, request: Request) -> None:
        """Braze takes a request's changes in."""
        request.applied += 1
        for key, (add, offset) in request.changes.items():
            seen = self.keys[key]
            if offset < seen.newest and add is not seen.newest_add:
                if not request.excused[key]:
                    self._fail("G5", f"{key}: state of {offset} after that of {seen.newest}")
                self._world.sometimes("regress_after_barrier_opened")
            if offset <= seen.newest:
                self.repeats += 1
                if self._world.plan.arm != "storm":
                    self._fail("G14", f"{key}: {offset} is delivered again, and nothing went wrong")
            if offset > seen.newest:
                seen.newest, seen.newest_add = offset, add
            seen.state = add

    def ended(self, request: Request, *, ambiguous: bool) -> None:
        """An attempt has ended, as Braze and the network see it."""
        request.ended_at_s = self._world.now
        request.risk_until_s = self._world.now + (SETTLE_S if ambiguous else 0.0)

    def acknowledged(self, request: Request) -> None:
        """A process has heard a 2xx."""
        for key, (_, offset) in request.changes.items():
            seen = self.keys[key]
            seen.acknowledged = max(seen.acknowledged, offset)

    def lettered(self, key: Key, offset: int) -> None:  # In the dead-letter topic.
        if key not in self._world.plan.refused:
            self._fail("G12", f"{key} is in the dead letters, but Braze takes it")
        seen = self.keys[key]
        seen.lettered = max(seen.lettered, offset)

    # Offsets.

    def committed(
        self, sender: str, partition: Partition, before: Committed | None, now: Committed
    ) -> None:
        """Judge a commit the broker took."""
        owner = self.owners.owner_name(partition)
        if owner != sender:
            self._fail("G7", f"{sender} committed {partition}, which {owner} owns")
        low = before.offset if before else 0
        if now.offset < low:
            self._fail("G7", f"{partition}: committed {now.offset} after {low}")
        for record in self._log.between(partition, low, now.offset):
            self._check_done(partition, record.key_of, record.offset())
        mark = _mark(now)
        if before and _sent_to(now) < _sent_to(before) < math.inf:
            self._fail("G5", f"{partition}: sent_to fell from {_sent_to(before)}")
        if mark["s"] == "clean":
            self._check_clean(partition)

    def _check_done(self, partition: Partition, key: Key | None, offset: int) -> None:
        if key is None:
            if (partition, offset) not in self.broken_lettered:
                self._fail("G2", f"{partition}: passed broken record {offset}, no dead letter")
            return
        seen = self.keys[key]
        if max(seen.acknowledged, seen.lettered) < offset:
            self._fail("G2", f"{partition}: passed {offset} of {key}, done to {seen.acknowledged}")

    def _check_clean(self, partition: Partition) -> None:
        self._world.sometimes("clean")
        for key, seen in self.keys.items():
            if self._world.plan.place[key] == partition and any(
                request.risk_until_s > self._world.now + _EPSILON_S for request in seen.requests
            ):
                self._fail("G6", f"{partition} is called clean, but {key} may still change")

    # The end.

    def final(self) -> None:
        """Judge the whole, after everything was healed and the log has gone quiet."""
        for key in self._world.plan.keys:
            last = self._log.below(key)
            seen = self.keys[key]
            if last is None:
                continue
            if key in self._world.plan.refused:
                if seen.lettered != last[0]:
                    self._fail("G2", f"{key} was refused, its dead letter is {seen.lettered}")
            elif seen.newest != last[0] or seen.state is not last[1]:
                self._fail("G1", f"{key} is {seen.state} of {seen.newest}, the log says {last}")

    def undone(self) -> Iterable[str]:
        """Yield which partitions are not committed to their end."""
        for partition, end in self._log.end.items():
            committed = self.owners.offsets.get(partition)
            offset = committed.offset if committed else 0
            if offset != end:
                yield f"{partition} is committed to {offset} of {end}"


def _lane_of(flush: Flush, member: object, *, add: bool) -> Lane | None:
    return next((lane for lane in flush.lanes if lane.changes.get(member) is add), None)  # type: ignore[call-overload]


def _mark(committed: Committed) -> dict[str, object]:
    if not committed.metadata:
        return {"to": TO_THE_END, "s": "open"}
    mark: dict[str, object] = json.loads(committed.metadata)
    return mark


def _sent_to(committed: Committed) -> float:
    """Return how far a commit says that may have been sent; -1 stands for the log's end."""
    to = int(str(_mark(committed)["to"])) if committed.metadata else -1
    return math.inf if to == TO_THE_END else to


class Bucket:
    """The request budget of one process, kept a second time and by itself (G8)."""

    def __init__(self, world: World, burst: int, per_hour: float) -> None:
        self.quiet_until_s = -math.inf
        self._world = world
        self._burst = burst
        self._rate_s = per_hour * 0.9 * 0.97 / 3600
        self._share = 1.0
        self._level = float(burst)
        self._at_s = world.now

    def share(self, part: float) -> None:
        """The process was told its share."""
        self._fill()
        self._share = part

    def take(self, name: str) -> None:
        """Judge that an attempt starts."""
        self._fill()
        self._level -= 1
        if self._level < -_TOKEN_PART:
            raise Violation("G8", f"{name} sends more than its share of the quota")
        if self._world.now < self.quiet_until_s - _EPSILON_S:
            raise Violation("G8", f"{name} sends before the quota's reset")

    def _fill(self) -> None:
        grown = (self._world.now - self._at_s) * self._rate_s * self._share
        self._level = min(float(self._burst), self._level + grown)
        self._at_s = self._world.now
