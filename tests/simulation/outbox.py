"""Dead letters and counters: the small ports of an intake, simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from daemon.core.model import Flush, Outcome, Partition
from daemon.kafka.records import Letter, Reason, Reject
from tests.simulation.decoding import Roster
from tests.simulation.log import UNKNOWN_SCHEMA, Log
from tests.simulation.oracle import Oracle
from tests.simulation.scenario import Key
from tests.simulation.world import Violation, Waiter, World

# A record that can't be used, or a change of a member; its place, and why it is a letter.
Meant: TypeAlias = tuple[Key | Partition, int, str]


class Owner(Waiter, Protocol):
    """The process around an outbox."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


@dataclass(slots=True)
class Mailbox:
    """What the dead-letter topic holds, for all processes, and whether it can be written."""

    world: World
    oracle: Oracle
    out_until_s: float = 0.0

    def write(self, what: Meant) -> None:
        """Note a letter that was acknowledged."""
        head, place, reason = what
        if isinstance(head, Partition):
            self.oracle.broken_lettered.add((head, place))
        else:
            self.oracle.lettered(head, place, reason)
        self.world.note("letter", *what)


class Maker:
    """Makes letters whose value is a number; what it stands for is kept beside."""

    def __init__(self, world: World, log: Log, roster: Roster) -> None:
        self.meant: list[Meant] = []
        self._world = world
        self._log = log
        self._roster = roster

    def of_record(self, reject: Reject) -> Letter:
        """Return the letter of a record, judging that it can't be used."""
        partition, reason = reject.partition, reject.reason
        place = self._log.place(partition, reject.offset)
        entry = self._log.read(partition, reject.offset, 1)[0]
        if reason == Reason.TOO_MANY_COHORTS and entry.key_of is not None:
            self._roster.refuses(entry.key_of[0])
            return self._letter((entry.key_of, place, reason))
        unknown = entry.schema == UNKNOWN_SCHEMA
        if entry.key_of is not None or unknown is not (reason == Reason.UNKNOWN_SCHEMA):
            raise Violation("G12", f"{partition} {reject.offset} is called {reason}")
        self._world.sometimes("unknown_schema", int(unknown))
        return self._letter((partition, place, reason))

    def of_refusal(self, flush: Flush, outcome: Outcome) -> Iterable[tuple[str, Letter]]:
        """Return a letter for each member refused."""
        for refusal in outcome.refused:
            for member in refusal.changes:
                lane = next(lane for lane in flush.lanes if member in lane.changes)
                key = (flush.cohort, member)
                found = self._log.below(key, self._log.place(lane.partition, lane.top))
                assert found is not None
                yield refusal.reason, self._letter((key, found[0], refusal.reason))

    def _letter(self, what: Meant) -> Letter:
        self.meant.append(what)
        return Letter(None, str(len(self.meant) - 1).encode(), ())


class Outbox:
    """A producer: takes letters, and has them acknowledged some time later."""

    failed = 0  # Here a letter is written late, or with its process not at all.

    def __init__(self, mailbox: Mailbox, owner: Owner, maker: Maker) -> None:
        self._mailbox = mailbox
        self._world = mailbox.world
        self._owner = owner
        self._maker = maker
        self._open: set[int] = set()
        self._acknowledged: list[int] = []
        self._tickets = 0

    @property
    def trouble(self) -> str | None:
        """Why letters can't be written now."""
        return "out" if self._world.now < self._mailbox.out_until_s else None

    @property
    def held_bytes(self) -> int:
        """How much is not acknowledged: letters are numbers here, of some bytes each."""
        return 4 * len(self._open)

    def send(self, letter: Letter) -> int:
        """Take a letter; it is written even if the process dies at once."""
        self._owner.check_alive()
        self._tickets += 1
        ticket = self._tickets
        self._open.add(ticket)
        meant = self._maker.meant[int(letter.value or b"0")]
        at_s = max(self._world.now, self._mailbox.out_until_s) + self._world.rng.uniform(0.005, 0.3)

        def written() -> None:
            self._mailbox.write(meant)
            self._owner.guard(lambda: self._heard(ticket))()

        self._world.at(at_s, written)
        return ticket

    def _heard(self, ticket: int) -> None:
        self._open.discard(ticket)
        self._acknowledged.append(ticket)

    def poll(self) -> list[int]:
        """Return what was acknowledged since the last call."""
        found, self._acknowledged = self._acknowledged, []
        return found

    def flush(self, timeout_s: float) -> bool:
        """Wait for all acknowledgements."""
        self._world.wait(self._owner, lambda: not self._open, self._world.now + timeout_s)
        return not self._open

    def close(self) -> None:
        """Nothing is left to do."""


class SilentMetrics:
    """Takes every call of the intake's metrics, and counts the few that show what happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.barrier_opened = Counted(world, "barrier_opened_by_memory")
        self.unclean_handovers = Counted(world, "unclean_takeover")
        self.changes_superseded = Counted(world, "superseded")
        self.lane_disagreements = Counted(world, "lanes_disagree")
        self.replayed_events = Counted(world, "replayed_records")
        self.partitions_added = Counted(world, "partitions_noticed")

    def __getattr__(self, name: str) -> Ignored:
        return _IGNORED


class Counted:
    """A counter that is one of the world's."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name

    def inc(self, count: float = 1) -> None:
        """Count."""
        if count:
            self._world.sometimes(self._name, int(count))


class Ignored:
    """Any instrument, or anything that is told of many at once."""

    def __call__(self, *_args: object, **_fields: object) -> None:
        """Do nothing."""

    def set(self, _value: float) -> None:
        """Do nothing."""


_IGNORED = Ignored()
