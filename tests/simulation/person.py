"""The one who looks after the daemons: stops them, sets offsets, starts them again."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol, cast

from daemon.core.model import Partition
from daemon.kafka.records import Committed
from daemon.tools.offsets import plan as plans
from daemon.tools.offsets.position import Position
from tests.simulation import scenario
from tests.simulation.parts import Surroundings
from tests.simulation.process import Process

if TYPE_CHECKING:
    from daemon.config.settings import Settings

_LOOKS_EVERY_S = 1.0
_NOTICES_AFTER_S = 8.0

# What the plan of a reset reads of the settings.
_SETTINGS = SimpleNamespace(
    fingerprint=scenario.FINGERPRINT,
    delivery=SimpleNamespace(settle=scenario.SETTLE_S),
    kafka=SimpleNamespace(group_id="simulated"),
)


class Fleet(Protocol):
    """The processes."""

    @property
    def living(self) -> list[Process]: ...
    def fill(self) -> None: ...


class Person:
    """Continues what is parked with the plan of `cohortd offsets reset`, as the pages say.

    All that is done here needs a group without members, so the daemons are stopped first.
    """

    def __init__(self, around: Surroundings, fleet: Fleet) -> None:
        self.busy = False
        self._around = around
        self._world = around.world
        self._fleet = fleet
        self._noticed_at_s: float | None = None
        self._errands: list[Callable[[], None]] = []
        self._world.after(_LOOKS_EVERY_S, self._look)

    def rewind_soon(self, rng: random.Random) -> None:
        """Set some offset back with a tool that knows nothing of our mark."""
        part = rng.random()
        self._go(lambda: self._rewind(part))

    def recreate_soon(self, topic: str) -> None:
        """Delete a topic and create it again; the group's offsets stay, as they may."""
        self._go(lambda: self._recreate(topic))

    def _go(self, errand: Callable[[], None]) -> None:
        self._errands.append(errand)
        self.busy = True
        for process in self._fleet.living:
            process.stop()

    def _look(self) -> None:
        self._world.after(_LOOKS_EVERY_S, self._look)
        if self.busy:
            self._act_when_all_are_gone()
            return
        if not self._around.log.broken:
            self._noticed_at_s = None
            return
        self._noticed_at_s = self._noticed_at_s or self._world.now
        if self._world.healed or self._world.now - self._noticed_at_s >= _NOTICES_AFTER_S:
            self._noticed_at_s = None
            self._go(self._continue)

    def _act_when_all_are_gone(self) -> None:
        for process in self._fleet.living:
            process.stop()
        if self._fleet.living or self._around.coordinator.members:
            return
        errands, self._errands = self._errands, []
        for errand in errands:
            errand()
        self.busy = False
        for _ in range(2):
            self._fleet.fill()

    def _rewind(self, part: float) -> None:
        offsets, log = self._around.coordinator.offsets, self._around.log
        known = sorted(p for p, at in offsets.items() if p not in log.broken)
        if known and not self._world.healed:
            partition = known[int(part * len(known))]
            low, at = log.low[partition], offsets[partition].offset
            offset = low + int(part * max(0, at - low))
            self._write(partition, Committed(offset, ""), broken=False)
            self._world.sometimes("offset_reset")

    def _recreate(self, topic: str) -> None:
        offsets, log = self._around.coordinator.offsets, self._around.log
        unmarked = any(not at.metadata for p, at in offsets.items() if p.topic == topic)
        if self._world.healed or unmarked:  # Without our mark nobody could tell the two apart.
            return
        log.make_anew(topic)
        log.broken.update(p for p in offsets if p.topic == topic)
        self._world.note("made anew", topic)
        self._world.sometimes("topic_made_anew")

    def _continue(self) -> None:
        """Go on at the first record that is there, as `offsets reset --to earliest` does."""
        log = self._around.log
        for partition in sorted(log.broken):
            positions = [self._position(p) for p in log.end if p.topic == partition.topic]
            told = plans.reset(positions, partition, "earliest", cast("Settings", _SETTINGS))
            for intent in told.intents:
                committed = Committed(intent.offset, intent.mark.encode())
                self._write(partition, committed, broken=True)
        log.broken.clear()

    def _position(self, partition: Partition) -> Position:
        log, committed = self._around.log, self._around.coordinator.offsets.get(partition)
        topic_id = log.topic_id(partition.topic)
        return Position(partition, committed, log.low[partition], log.end[partition], topic_id)

    def _write(self, partition: Partition, committed: Committed, *, broken: bool) -> None:
        self._world.note("set", partition, committed.offset)
        self._around.coordinator.write(partition, committed, broken=broken)
