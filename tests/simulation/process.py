"""One daemon in the simulated world. It can be killed, frozen, cut off or stopped, anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable

from daemon.core.model import Partition
from daemon.core.window import LANE_COST
from daemon.errors import CohortdError
from tests.simulation import scenario
from tests.simulation.parts import Surroundings, build
from tests.simulation.room import Room
from tests.simulation.world import Killed, Violation

# As in the thread around the intake.
_LEAVE_S = 2.0


class Process:
    """From start to death. All its events go through `guard`: none while frozen, none when dead."""

    def __init__(self, around: Surroundings, name: str) -> None:
        self.name = name
        self.dead = False
        self.draining = False
        self.leaving = False
        self.stalled_until_s = 0.0
        self.calls_left = math.inf  # Killed after so many more calls to the outside.
        self.killed_in: str | None = None  # Killed inside the next such call of the group.
        self._around = around
        self._world = around.world
        self._frozen = False
        self._cut_at_s: float | None = None
        self._heard_at_s = math.inf  # The last heartbeat, while none come.
        self._deferred: list[Callable[[], None]] = []
        self._excused: dict[Partition, float] = {}
        self._deadline_s = math.inf
        self._begun = False
        parts = build(around, self)
        self.consumer, self.dispatcher = parts.consumer, parts.dispatcher
        self.relay, self.intake = parts.relay, parts.intake
        self._watch, self._naming, self._librarian = parts.watch, parts.naming, parts.librarian
        self._room = Room(around.world, parts.relay, parts.dispatcher)
        self._held: set[Partition] = set()  # Waiting for a schema at the last look.
        self._read = 0
        self._needless: set[Partition] = set()  # Paused at the last look, for no reason.
        self._world.after(self._world.rng.uniform(0, 1), self.guard(self._turn))

    # What happens to it.

    @property
    def frozen(self) -> bool:
        """It is stopped as a whole, and does not know."""
        return self._frozen

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""
        return not self.dead and not self._frozen and self._cut_at_s is None

    def guard(self, do: Callable[[], None]) -> Callable[[], None]:
        """Return the same, done only while it lives, and after the thaw where it is frozen."""

        def guarded() -> None:
            if self.dead:
                return
            if self._frozen:
                self._deferred.append(do)
            else:
                do()

        return guarded

    def check_alive(self) -> None:
        """End this stack where the process is no more; count down to a death that was planned."""
        self.calls_left -= 1
        if self.calls_left <= 0 and not self.dead:
            self._world.sometimes("killed_at_call")
            self.kill()
        if self.dead:
            raise Killed

    def entered(self, what: str) -> None:
        """It is inside a call of the group."""
        self._world.sometimes(f"in_{what}")
        if self.killed_in == what:
            self.killed_in = None
            self._world.sometimes(f"killed_in_{what}")
            self._world.after(self._world.rng.uniform(0, 2), self.kill)

    def kill(self) -> None:
        """End it at once. What it has written to a socket may still arrive."""
        if self.dead:
            return
        self._world.note("killed", self.name)
        self._silent_from_now()
        self.dead = True
        requests = [request for request in self.dispatcher.on_wire.values() if request]
        self._around.braze.orphaned(requests)

    def freeze(self, for_s: float) -> None:
        """Stop it, as SIGSTOP does."""
        if self.dead or self._frozen:
            return
        self._world.note("frozen", self.name, f"{for_s:.2f} s")
        self._silent_from_now()
        self._frozen = True
        self._world.after(for_s, self.thaw)

    def thaw(self) -> None:
        """Let it go on."""
        if self.dead or not self._frozen:
            return
        self._world.note("thawed", self.name)
        self._frozen = False
        if self._cut_at_s is None:
            self._heard_at_s = math.inf
        deferred, self._deferred = self._deferred, []
        for do in deferred:
            self._world.after(0.0, self.guard(do))

    def cut(self, for_s: float) -> None:
        """Part it from the brokers; Braze is still there."""
        if self.dead or self._cut_at_s is not None:
            return
        self._world.note("cut", self.name, f"{for_s:.2f} s")
        self._silent_from_now()
        self._cut_at_s = self._world.now
        self._world.after(for_s, self.mend)
        if for_s > scenario.SESSION_S and self._world.chance(0.5):
            self._world.at(self._heard_at_s + scenario.SESSION_S + 0.1, self.guard(self._own_end))

    def mend(self) -> None:
        """Connect it again."""
        if self.dead or self._cut_at_s is None:
            return
        self._world.note("mended", self.name)
        self._cut_at_s = None
        if not self._frozen:
            self._heard_at_s = math.inf

    def _own_end(self) -> None:
        """The client sees by itself that its session can't have lasted."""
        if self._cut_at_s is not None and self.consumer.assigned:
            self.consumer.lost_here = True

    def _silent_from_now(self) -> None:
        """No heartbeat from here on: the session ends, unless they come again before."""
        if self._heard_at_s == math.inf:
            self._heard_at_s = self._world.now - self._world.rng.uniform(0, scenario.HEARTBEAT_S)
        heard_at_s, member = self._heard_at_s, self.consumer.member

        def expire() -> None:
            coordinator = self._around.coordinator
            if self._heard_at_s != heard_at_s or not member:
                return
            if coordinator.silent:
                self._world.at(coordinator.silent_until_s, expire)
            else:
                coordinator.expire(member)

        self._world.at(heard_at_s + scenario.SESSION_S, expire)

    def session_until_s(self) -> float:
        """Return the earliest time at which the coordinator may give its partitions away."""
        silent_from_s = self._around.coordinator.silent_from_s
        heard_at_s = min(self._heard_at_s, self._world.now - scenario.HEARTBEAT_S, silent_from_s)
        return heard_at_s + scenario.SESSION_S

    def holds(self, partition: Partition) -> bool:
        """Tell whether it was assigned, and neither revoked nor lost since."""
        return partition in self.consumer.assigned

    def waits_until_s(self, partition: Partition) -> float:
        """Return when the one wait of a partition is over, by what its last owner said."""
        return self.consumer.waits_until_s(partition)

    def has_read_to(self, partition: Partition) -> int:
        """Return the offset after what was handed out."""
        return self.consumer.read_to(partition)

    def begun_end(self, partition: Partition) -> int:
        """Return where the log ended when it began to read a partition."""
        return self.consumer.begun_end(partition)

    # What memory opened.

    def opened(self, partition: Partition, bound: float) -> None:
        """Old states may show below the bound of a barrier that memory opened."""
        self._world.note("opened", self.name, partition, bound)
        end = self._around.log.end[partition]
        self._excused[partition] = min(bound, end)

    def excused_below(self, partition: Partition) -> float:
        """Return below which offset old states may show, because memory opened a barrier."""
        return self._excused.get(partition, -math.inf)

    # What it does.

    def stop(self) -> None:
        """Drain and leave, as SIGTERM asks."""
        if not self.dead and not self.draining:
            self._world.note("stopping", self.name)
            self.draining = True
            self._deadline_s = self._world.now + scenario.GRACE_S

    def _turn(self) -> None:
        try:
            if self._world.now < self.stalled_until_s:
                self._world.at(self.stalled_until_s, self.guard(self._turn))
                return
            if not self._begun:
                if self._naming.follower is not None and not self._naming.follower.is_over():
                    self._world.after(0.1, self.guard(self._turn))
                    return
                self._begun = True
                self.intake.join()
            self._work()
        except Killed:
            if not self.dead:
                raise
            return
        except AssertionError as error:
            if isinstance(error, Violation):
                raise
            raise Violation("assertion", f"of {self.name}: {error!r}") from error
        self._check()
        if not self.dead:
            pause_s = self._world.rng.choice((0.02, 0.05, 0.2, 0.5))
            self._world.after(pause_s, self.guard(self._turn))

    def _work(self) -> None:
        self.intake.draining = self.draining
        handed_over = self.intake.turn()
        try:
            self._watch.turn(self._world.now, held_elsewhere=self.dispatcher.waits())
        except CohortdError as error:
            raise Violation("G10", f"{self.name} ends itself: {error}") from error
        backlog = self.intake._backlog
        self._world.sometimes("gathered", not backlog._over and backlog._until_s is not None)
        self._world.sometimes("parked", len(self.intake.ownership.standing.parked))
        for partition in [p for p in self._excused if p not in self.consumer.assigned]:
            del self._excused[partition]
        if self._world.plan.arm == "storm" and any(
            t.barrier_to is not None for t in self.relay.tenures.values()
        ):
            self._world.sometimes("barrier")
        if not self.intake.draining:
            return
        last_start_s = self._deadline_s - _LEAVE_S - scenario.REQUEST_S
        late = self._world.now >= last_start_s
        if self.intake.drained(handed_over, last_start_s) or late:
            self._world.note("leaving", self.name, "late" if late else "drained")
            self._world.sometimes("left_late" if late else "left_drained")
            self.intake.leave(self._deadline_s)
            self._world.note("left", self.name)
            self._silent_from_now()
            self.dead = True

    def _check(self) -> None:
        limits = self._world.plan.limits
        bound = limits.pending_max + limits.poll_max * (1 + LANE_COST)
        if self.relay.pending > bound:
            raise Violation("G9", f"{self.name}: {self.relay.pending} pending, at most {bound}")
        if limits.schemas and limits.pending_max >= scenario.AMPLE and not self.draining:
            self._check_paused()
        if self._world.plan.arm == "locked" and not self.draining:
            self._room.look(self.name)

    def _check_paused(self) -> None:
        """Judge that nothing is paused but what needs a schema: memory never runs short here."""
        paused = {p for p in self.consumer.paused() if p not in self._around.log.broken}
        held = {p for p in paused if self.awaits_schema(p)}
        needless = paused - held
        if again := needless & self._needless:
            raise Violation("G12", f"{self.name}: {min(again)} is paused, and needs no schema")
        self._needless = needless
        read = sum(self.consumer.read_to(p) for p in self.consumer.assigned - held)
        flows = bool(held) and held == self._held and read > self._read
        self._world.sometimes("others_flow_beside_held", int(flows))
        self._held, self._read = held, read

    def awaits_schema(self, partition: Partition) -> bool:
        """Tell whether what comes next of a partition needs a schema that it can't know yet."""
        return any(map(self._librarian.awaits, self.consumer.schemas_ahead(partition)))

    @property
    def quiet(self) -> bool:
        """Nothing waits and nothing is in flight."""
        return self.relay.idle and self.dispatcher.quiet
