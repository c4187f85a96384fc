"""What goes wrong in a world, and its end: each kind of fault is a method named as in `FAULTS`."""

from __future__ import annotations

import itertools

from daemon.kafka.records import Committed
from tests.simulation.parts import Surroundings
from tests.simulation.process import Process
from tests.simulation.scenario import FAULTS, SESSION_S, SETTLE_S

PROCESSES_MAX = 3


class Faults:
    """Starts processes and troubles them at the times of the scenario."""

    def __init__(self, around: Surroundings) -> None:
        self.processes: list[Process] = []
        self._around = around
        self._world = around.world
        self._numbers = itertools.count(1)
        for _ in range(around.world.plan.processes):
            self.start()
        for at_s, kind in around.world.plan.faults:
            assert kind in FAULTS, kind
            self._world.at(at_s, lambda kind=kind: self._strike(kind))  # type: ignore[misc]

    @property
    def living(self) -> list[Process]:
        """The processes that are there, frozen ones too."""
        return [process for process in self.processes if not process.dead]

    def start(self) -> None:
        """Start a process."""
        process = Process(self._around, f"p{next(self._numbers)}")
        self._world.note("started", process.name)
        self.processes.append(process)

    def _strike(self, kind: str) -> None:
        if self._world.healed or not self.living:
            return
        self._world.note("fault", kind)
        self._world.sometimes(f"fault_{kind}")
        getattr(self, kind)(self._world.rng.choice(self.living))

    def _later_another(self, longest_s: float = 1.5 * SESSION_S) -> None:
        """Start another process in the place of one that goes."""
        self._world.after(self._world.rng.uniform(0.1, longest_s), self._fill)

    def _fill(self) -> None:
        if len(self.living) < PROCESSES_MAX:
            self.start()

    # Of a process.

    def kill(self, process: Process) -> None:
        process.kill()
        self._later_another()

    def kill_in_revoke(self, process: Process) -> None:
        process.killed_in = self._world.rng.choice(("revoke", "revoke", "close"))
        if process.killed_in == "close":
            process.stop()
        else:
            self._around.coordinator.shuffle()
            self._fill()
        self._later_another()

    def kill_at_call(self, process: Process) -> None:
        process.calls_left = self._world.rng.randint(1, 60)
        self._later_another()

    def stop(self, process: Process) -> None:
        process.stop()
        self._later_another(SESSION_S / 2)

    def join(self, _process: Process) -> None:
        self._fill()

    def freeze(self, process: Process) -> None:
        process.freeze(self._world.rng.uniform(0.3, 3) * SESSION_S)

    def stall(self, process: Process) -> None:
        process.stalled_until_s = self._world.now + self._world.rng.uniform(0.5, 45)

    def cut(self, process: Process) -> None:
        process.cut(self._world.rng.uniform(0.3, 3) * SESSION_S)

    # Of the group.

    def silence(self, _process: Process) -> None:
        self._around.coordinator.hush(self._world.rng.uniform(0.5, 1.5 * SESSION_S))

    def shuffle(self, _process: Process) -> None:
        for _ in range(self._world.rng.randint(1, 4)):
            self._around.coordinator.shuffle()

    def lose_commits(self, _process: Process) -> None:
        self._around.coordinator.trouble.lose_until_s = self._until_s(2, 30)

    def refuse_commits(self, _process: Process) -> None:
        self._around.coordinator.trouble.refuse_until_s = self._until_s(2, 30)

    def reset(self, _process: Process) -> None:
        """Stop all, and set an offset back with another tool, which wipes the metadata."""
        for process in self.living:
            process.stop()
        self._world.after(20.0, self._reset)

    def _reset(self) -> None:
        coordinator = self._around.coordinator
        if not self.living and not any(coordinator.owner.values()) and not self._world.healed:
            partition = self._world.rng.choice(list(coordinator.owner))
            committed = coordinator.offsets.get(partition)
            if committed is not None:
                offset = self._world.rng.randint(0, committed.offset)
                coordinator.offsets[partition] = Committed(offset, "")
                self._world.note("reset", partition, offset)
                self._world.sometimes("offset_reset")
        for _ in range(2):
            self._fill()

    # Of Braze and of the dead letters.

    def _until_s(self, least_s: float, most_s: float) -> float:
        return self._world.now + self._world.rng.uniform(least_s, most_s)

    def outage(self, _process: Process) -> None:
        self._around.braze.weather.outage_until_s = self._until_s(1, 25)

    def unauthorized(self, _process: Process) -> None:
        self._around.braze.weather.unauthorized_until_s = self._until_s(1, 20)

    def not_found(self, _process: Process) -> None:
        self._around.braze.weather.not_found_until_s = self._until_s(1, 20)

    def quota(self, _process: Process) -> None:
        self._around.braze.weather.quota_until_s = self._until_s(1, 12)

    def lock(self, _process: Process) -> None:
        weather = self._around.braze.weather
        weather.locked = self._world.rng.choice(self._world.plan.keys)[0]
        weather.locked_until_s = self._until_s(1, 20)

    def slow_braze(self, _process: Process) -> None:
        self._around.braze.weather.slow_until_s = self._until_s(2, 30)

    def letters_out(self, _process: Process) -> None:
        self._around.mailbox.out_until_s = self._until_s(1, 20)

    # The end of it all.

    def heal(self) -> None:
        """Let everything be well, and see to it that somebody is there."""
        self._world.note("healed")
        self._world.healed = True
        coordinator, weather = self._around.coordinator, self._around.braze.weather
        coordinator.trouble.lose_until_s = coordinator.trouble.refuse_until_s = 0.0
        self._around.mailbox.out_until_s = min(self._around.mailbox.out_until_s, self._world.now)
        weather.outage_until_s = weather.unauthorized_until_s = weather.not_found_until_s = 0.0
        weather.quota_until_s = weather.slow_until_s = weather.locked_until_s = 0.0
        for process in self.living:
            process.calls_left = float("inf")
            process.killed_in = None
            process.stalled_until_s = 0.0
            process.mend()
            process.thaw()
        self._world.after(SETTLE_S, self._keep_one)

    def _keep_one(self) -> None:
        """Whoever was on the way out is replaced."""
        if not any(not process.draining for process in self.living):
            self.start()
        self._world.after(SETTLE_S, self._keep_one)
