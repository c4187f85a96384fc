"""What must hold, checked against the truth of the world whenever something happens.

It knows the whole log, what Braze applied in which order, what was answered, and who owns what;
the daemon's own books are never asked. Its findings are raised as `Violation`, inside the very
step that broke the guarantee. Offsets are compared as places (`Log.place`), since a log that was
made anew counts from 0 again.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from daemon.core.delivery import Attempt
from daemon.core.model import Changes, Flush, Lane, Partition
from daemon.kafka.records import Committed
from tests.simulation.bodies import listed_in
from tests.simulation.commits import CommitJudge, sent_to
from tests.simulation.happenings import GENTLE
from tests.simulation.log import Log
from tests.simulation.scenario import REQUEST_S, SETTLE_S, Key
from tests.simulation.world import Violation, World

_EPSILON_S = 1e-6


class Owners(Protocol):
    """The coordinator's truth."""

    offsets: dict[Partition, Committed]

    def owner_name(self, partition: Partition) -> str | None: ...


class Sending(Protocol):
    """The process that makes an attempt, or commits."""

    name: str

    def holds(self, partition: Partition) -> bool:
        """Tell whether it was assigned, and neither revoked nor lost since."""

    def waits_until_s(self, partition: Partition) -> float:
        """Return when the wait after an unclean hand-over is over, by what the last owner said."""

    def has_read_to(self, partition: Partition) -> int:
        """Return the offset after the last record that was handed out to it."""

    def begun_end(self, partition: Partition) -> int:
        """Return where the log ended when it began to read a partition."""

    def session_until_s(self) -> float:
        """Return the earliest time at which the coordinator may give its partitions away."""

    def excused_below(self, partition: Partition) -> float:
        """Return below which offset memory opened a barrier, so that old states may show."""


@dataclass(slots=True, eq=False)
class Request:
    """One request that left a process, as it truly is."""

    number: int
    sender: str
    cohort: str
    changes: dict[Key, tuple[bool, int]]  # Direction, and the place it stands for.
    excused: dict[Key, bool]
    ended_at_s: float
    risk_until_s: float  # Braze may apply it until then.
    applied: int = 0
    diverted: bool = False


@dataclass(slots=True)
class Seen:
    """What became of a key. Places are below all others where nothing is known."""

    state: bool = False
    newest: int = -1  # The highest place whose state Braze has had.
    newest_add: bool = False
    acknowledged: int = -1  # The highest place known to be done, by a 2xx that arrived.
    lettered: int = -1  # The highest place acknowledged as a dead letter.
    requests: list[Request] = field(default_factory=list)


class Oracle:
    """Judges. Guarantees are named as on the page of guarantees."""

    def __init__(self, world: World, log: Log) -> None:
        self.owners: Owners
        self.keys: dict[Key, Seen] = defaultdict(Seen)
        self.broken_lettered: set[tuple[Partition, int]] = set()  # Partition and place.
        self.commits = CommitJudge(world, log, self)
        self.repeats = 0
        self.attempts = 0
        self._applied: dict[str, int] = {}
        self._failing_since_s: dict[str, float] = {}  # Of cohorts that Braze would not take once.
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
            self.attempts,
            process.name,
            attempt.cohort,
            {},
            {},
            now_s + REQUEST_S,
            now_s + REQUEST_S + SETTLE_S,
        )
        self._check_shape(attempt)
        for member, add in attempt.update.changes.items():
            key = (attempt.cohort, member)
            lane = _lane_of(attempt.flush, member, add=add)
            if lane is None:
                self._fail("G3", f"{key} is in no lane of its flush")
                break
            self._check_owned(process, lane)
            self._check_key(request, key, lane, add=add)
            excused = self._log.place(lane.partition, 0) + process.excused_below(lane.partition)
            request.excused[key] = request.changes[key][1] < excused
        return request

    def _check_shape(self, attempt: Attempt) -> None:
        assert attempt.update is not None
        changes: Changes = attempt.update.changes
        if not 1 <= len(changes) <= self._world.plan.limits.update_members:
            self._fail("G3", f"a request of {len(changes)} members")
        listed = listed_in(attempt.update)
        if len(listed) != len(changes) or dict(listed) != changes:
            self._fail("G3", f"the body lists {listed} for {changes}")

    def _check_owned(self, process: Sending, lane: Lane) -> None:
        partition = lane.partition
        if not process.holds(partition):
            self._fail("G6", f"{process.name} sends of {partition}, which it has given up")
        owner = self.owners.owner_name(partition)
        if owner != process.name:
            self._fail("G6", f"{process.name} sends of {partition}, which {owner} owns")
        early_s = process.waits_until_s(partition) - self._world.now
        if early_s > _EPSILON_S:
            self._fail("G6", f"{process.name} sends of {partition} {early_s:.3f} s too early")
        committed = self.owners.offsets.get(partition)
        promised = sent_to(committed) if committed else -1
        if lane.top > promised:
            self._fail("G5", f"{process.name} sends {partition} up to {lane.top} > {promised}")

    def _check_key(self, request: Request, key: Key, lane: Lane, *, add: bool) -> None:
        now_s = self._world.now
        found = self._log.below(key, self._log.place(lane.partition, lane.top))
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
        if request.number < self._applied.get(request.cohort, 0):
            self._world.sometimes("applied_out_of_order")
        self._applied[request.cohort] = max(request.number, self._applied.get(request.cohort, 0))
        for key, (add, place) in request.changes.items():
            self._show(key, place, add=add, excused=request.excused[key])

    def _show(self, key: Key, place: int, *, add: bool, excused: bool) -> None:
        seen = self.keys[key]
        if place < seen.newest and add is not seen.newest_add:
            if not excused:
                self._fail("G5", f"{key}: state of {place} after that of {seen.newest}")
            self._world.sometimes("regress_after_barrier_opened")
        if place <= seen.newest:
            self.repeats += 1
            if self._world.plan.arm in GENTLE:
                self._fail("G14", f"{key}: {place} is delivered again, and nothing went wrong")
        else:
            if seen.newest >= 0 and add is not seen.newest_add:
                self._world.sometimes("state_turned")
            seen.newest, seen.newest_add = place, add
        seen.state = add

    def ended(self, request: Request, *, ambiguous: bool) -> None:
        """An attempt has ended, as Braze and the network see it."""
        request.ended_at_s = self._world.now
        request.risk_until_s = self._world.now + (SETTLE_S if ambiguous else 0.0)

    def acknowledged(self, request: Request) -> None:
        """A process has heard a 2xx."""
        for key, (_, place) in request.changes.items():
            seen = self.keys[key]
            seen.acknowledged = max(seen.acknowledged, place)

    def said_no(self, cohort: str) -> None:
        """Braze has refused, locked or forgotten a cohort, whatever else it says of others."""
        self._failing_since_s.setdefault(cohort, self._world.now)

    def lettered(self, key: Key, place: int, reason: str) -> None:  # In the dead-letter topic.
        if reason == "gave_up":
            lasted_s = self._world.now - self._failing_since_s.get(key[0], math.inf)
            if lasted_s < self._world.plan.limits.give_up_after_s:
                self._fail("G12", f"{key} is given up {lasted_s:.3f} s after the first refusal")
            self._world.sometimes("gave_up")
        elif reason != "too_many_cohorts" and key not in self._world.plan.refused:
            self._fail("G12", f"{key} is in the dead letters, but Braze takes it")
        seen = self.keys[key]
        seen.lettered = max(seen.lettered, place)

    # The end.

    def final(self) -> None:
        """Judge the whole, after everything was healed and the log has gone quiet."""
        for key in (*self._world.plan.keys, *self._world.plan.strangers):
            last = self._log.below(key)
            seen = self.keys[key]
            if last is None:
                continue
            if key in self._world.plan.refused:
                right = seen.lettered == last[0]
                guarantee, said = "G2", f"{key} was refused, its dead letter is {seen.lettered}"
            else:
                given_up = seen.lettered == last[0]  # Or refused, with its cohort.
                right = given_up or (seen.newest == last[0] and seen.state is last[1])
                guarantee, said = "G1", f"{key} is {seen.state} of {seen.newest}"
            if not right and not self.commits.skipped(self._world.plan.place[key], last[0]):
                self._fail(guarantee, f"{said}, the log says {last}")

    def undone(self) -> Iterable[str]:
        """Yield which partitions are not committed to their end."""
        for partition, end in self._log.end.items():
            committed = self.owners.offsets.get(partition)
            offset = committed.offset if committed else 0
            if offset != end or partition in self._log.broken:
                yield f"{partition} is committed to {offset} of {end}"


def _lane_of(flush: Flush, member: object, *, add: bool) -> Lane | None:
    return next((lane for lane in flush.lanes if lane.changes.get(member) is add), None)  # type: ignore[call-overload]
