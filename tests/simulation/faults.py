"""What goes wrong in a world, and its end: each kind of fault is a method named as in `FAULTS`."""

from __future__ import annotations

import functools
import itertools
import random

from tests.simulation.happenings import FAULTS, FAULTS_OF, LOCKED
from tests.simulation.parts import Surroundings
from tests.simulation.person import Person
from tests.simulation.process import Process
from tests.simulation.scenario import REQUEST_S, SESSION_S, SETTLE_S

PROCESSES_MAX = 3


class Faults:
    """Starts processes and troubles them at the times of the scenario.

    Each fault has chance of its own, so that it stays what it is where others are left out.
    """

    def __init__(self, around: Surroundings) -> None:
        self.processes: list[Process] = []
        self._around = around
        self._world = around.world
        self._plan = around.world.plan
        self._rng = random.Random(f"{self._plan.seed} {self._plan.arm} faults")
        self._numbers = itertools.count(1)
        self._refused_all = False
        self.person = Person(around, self)
        for _ in range(self._plan.daemons):
            self.start()
        for number, at_s, kind in self._plan.faults:
            assert kind in (*FAULTS, *LOCKED, *itertools.chain(*FAULTS_OF.values())), kind
            self._world.at(at_s, functools.partial(self._strike, number, kind))

    @property
    def living(self) -> list[Process]:
        """The processes that are there, frozen ones too."""
        return [process for process in self.processes if not process.dead]

    def start(self) -> None:
        """Start a process."""
        process = Process(self._around, f"p{next(self._numbers)}")
        self._world.note("started", process.name)
        self.processes.append(process)

    def _strike(self, number: int, kind: str) -> None:
        if self._world.healed or not self.living:
            return
        self._world.note("fault", number, kind)
        self._world.sometimes(f"fault_{kind}")
        self._rng = random.Random(f"{self._plan.seed} {self._plan.arm} fault {number}")
        getattr(self, kind)(self._rng.choice(self.living))

    def _later_another(self, longest_s: float = 1.5 * SESSION_S) -> None:
        """Start another process in the place of one that goes."""
        self._world.after(self._rng.uniform(0.1, longest_s), self.fill)

    def fill(self) -> None:
        """Start one more, where there is room and nobody forbids it."""
        if len(self.living) < PROCESSES_MAX and not self.person.busy:
            self.start()

    # Of a process.

    def kill(self, process: Process) -> None:
        process.kill()
        self._later_another()

    def kill_in_revoke(self, process: Process) -> None:
        process.killed_in = self._rng.choice(("revoke", "revoke", "close"))
        if process.killed_in == "close":
            process.stop()
        else:
            self._around.coordinator.shuffle(self._rng)
            self.fill()
        self._later_another()

    def kill_at_call(self, process: Process) -> None:
        process.calls_left = self._rng.randint(1, 60)
        self._later_another()

    def stop(self, process: Process) -> None:
        process.stop()
        self._later_another(SESSION_S / 2)

    def join(self, _process: Process) -> None:
        self.fill()

    def freeze(self, process: Process) -> None:
        process.freeze(self._rng.uniform(0.3, 3) * SESSION_S)

    def stall(self, process: Process) -> None:
        process.stalled_until_s = self._world.now + self._rng.uniform(0.5, 45)

    def cut(self, process: Process) -> None:
        process.cut(self._rng.uniform(0.3, 3) * SESSION_S)

    # Of the group.

    def silence(self, _process: Process) -> None:
        self._around.coordinator.hush(self._rng.uniform(0.5, 1.5 * SESSION_S))

    def shuffle(self, _process: Process) -> None:
        for _ in range(self._rng.randint(1, 4)):
            self._around.coordinator.shuffle(self._rng)

    def lose_commits(self, _process: Process) -> None:
        self._around.coordinator.trouble.lose_until_s = self._until_s(2, 30)

    def refuse_commits(self, _process: Process) -> None:
        self._around.coordinator.trouble.refuse_until_s = self._until_s(2, 30)

    def reset(self, _process: Process) -> None:
        """Have somebody stop all, and set an offset back with another tool, losing our mark."""
        self.person.rewind_soon(self._rng)

    # Of the log.

    def add_partition(self, _process: Process) -> None:
        """Add a partition to a topic, once."""
        late = self._plan.late
        if late not in self._around.log.end:
            self._world.sometimes("partition_added")
            self._around.log.add(late)
            self._around.oracle.commits.added(late)
            self._around.coordinator.add(late)

    def expire_records(self, _process: Process) -> None:
        """Let retention pass the committed offset of a partition, if it is behind at all."""
        log, offsets = self._around.log, self._around.coordinator.offsets
        behind = [p for p, at in offsets.items() if max(at.offset, log.low[p]) < log.end[p]]
        if behind:
            partition = self._rng.choice(sorted(behind))
            low = max(offsets[partition].offset, log.low[partition]) + 1
            log.expire(partition, self._rng.randint(low, log.end[partition]))
            self._world.note("retention", partition, log.low[partition])

    def recreate(self, _process: Process) -> None:
        """Have somebody stop all, and make a topic anew."""
        self.person.recreate_soon(self._rng.choice(self._plan.partitions).topic)

    def jump_clock(self, _process: Process) -> None:
        """Set the wall clock forwards or back."""
        self._world.clock_off_s = self._rng.uniform(-30, 30)

    # Of Braze and of the dead letters.

    def _until_s(self, least_s: float, most_s: float) -> float:
        return self._world.now + self._rng.uniform(least_s, most_s)

    def outage(self, _process: Process) -> None:
        self._around.braze.weather.outage_until_s = self._until_s(1, 25)

    def unauthorized(self, _process: Process) -> None:
        self._around.braze.weather.unauthorized_until_s = self._until_s(1, 20)

    def not_found(self, _process: Process) -> None:
        self._around.braze.weather.not_found_until_s = self._until_s(1, 20)

    def refuse_all(self, _process: Process) -> None:
        """Answer 400 to everything, once and for less than it takes to try a culprit again.

        For longer, and with nothing else to send, nobody could tell it from a refused member.
        """
        if not self._refused_all:
            self._refused_all = True
            from_s = self._world.now + REQUEST_S + 0.1
            until_s = from_s + self._rng.uniform(1, 12)
            self._around.braze.weather.refuse_all(from_s, until_s)

    def forget_cohort(self, _process: Process) -> None:
        weather = self._around.braze.weather
        weather.unknown = self._rng.choice(self._plan.keys)[0]
        weather.unknown_until_s = self._until_s(1, 20)

    def quota(self, _process: Process) -> None:
        self._around.braze.weather.quota_until_s = self._until_s(1, 12)

    def lock(self, _process: Process) -> None:
        self._lock(1, 20)

    def lock_for_long(self, _process: Process) -> None:
        if self._world.now >= self._around.braze.weather.locked_until_s:
            self._lock(30, 60)

    def _lock(self, least_s: float, most_s: float) -> None:
        weather = self._around.braze.weather
        weather.locked = self._rng.choice(self._world.plan.keys)[0]
        weather.locked_until_s = self._until_s(least_s, most_s)

    def slow_braze(self, _process: Process) -> None:
        self._around.braze.weather.slow_until_s = self._until_s(2, 30)

    def letters_out(self, _process: Process) -> None:
        self._around.mailbox.out_until_s = self._until_s(1, 20)

    # Of names, schemas and cohorts.

    def rename(self, _process: Process) -> None:
        self._around.log.rename(self._rng.choice(self._plan.keys)[0])

    def lose_cohort(self, _process: Process) -> None:
        """Let Braze lose a cohort until it is announced anew."""
        self._around.braze.book.lost.add(self._rng.choice(self._plan.keys)[0])

    def names_out(self, _process: Process) -> None:
        self._around.braze.book.out_until_s = self._until_s(1, 20)

    def names_slow(self, _process: Process) -> None:
        self._around.braze.book.slow_until_s = self._until_s(2, 30)

    def truncate_names(self, _process: Process) -> None:
        self._around.braze.book.truncate()

    def registry_out(self, _process: Process) -> None:
        self._around.registry.out_until_s = self._until_s(1, 25)

    def registry_slow(self, _process: Process) -> None:
        self._around.registry.slow_until_s = self._until_s(2, 30)

    def flood(self, _process: Process) -> None:
        """Have somebody write of cohorts that are nobody's."""
        for key in self._plan.strangers:
            self._around.log.append(key, add=self._rng.random() < 0.7)

    # The end of it all.

    def heal(self) -> None:
        """Let everything be well, and see to it that somebody is there."""
        self._world.note("healed")
        self._world.healed = True
        trouble = self._around.coordinator.trouble
        trouble.lose_until_s = trouble.refuse_until_s = 0.0
        self._around.mailbox.out_until_s = min(self._around.mailbox.out_until_s, self._world.now)
        self._around.braze.weather.clear()
        book, registry = self._around.braze.book, self._around.registry
        book.out_until_s = book.slow_until_s = 0.0
        registry.out_until_s = registry.slow_until_s = 0.0
        for process in self.living:
            process.calls_left = float("inf")
            process.killed_in = None
            process.stalled_until_s = 0.0
            process.mend()
            process.thaw()
        self._world.after(SETTLE_S, self._keep_one)

    def _keep_one(self) -> None:
        """Whoever was on the way out is replaced."""
        if not any(not process.draining for process in self.living) and not self.person.busy:
            self.start()
        self._world.after(SETTLE_S, self._keep_one)
