"""When dead letters that are not acknowledged stop the reading."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.core.lease import Lease
from daemon.core.model import ChangeSet, Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.formats.decode import Decoded
from daemon.intake.dead_letters import DeadLetters
from daemon.intake.letters import LETTERS_BYTES_MAX, LETTERS_WAITING_MAX, Letters
from daemon.intake.loop import Intake, IntakeRules
from daemon.intake.ports import Ports
from daemon.kafka.outbox import bytes_of
from daemon.kafka.records import Polled, Reason, Reject, Run
from daemon.metrics import CohortLabels, Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from daemon.kafka.records import Commit, CommitResult, Letter, RebalanceListener

P, OTHER = Partition("input", 0), Partition("input", 1)
KB_100 = b"x" * 100_000


class Reader:
    """A consumer that hands out what a test has put in, whatever is paused."""

    def __init__(self) -> None:
        self.paused: set[Partition] = set()
        self.incoming: list[Polled] = []

    def subscribe(self, listener: RebalanceListener) -> None:
        listener.on_assign([P, OTHER])

    def poll_runs(self, max_records: int, timeout_s: float) -> Iterable[Polled]:
        polled, self.incoming = self.incoming, []
        return polled

    def pause(self, partitions: Sequence[Partition]) -> None:
        self.paused.update(partitions)

    def resume(self, partitions: Sequence[Partition]) -> None:
        self.paused.difference_update(partitions)

    def position(self, _: Partition) -> int | None:
        return None

    def end_offset(self, _: Partition) -> int | None:
        return None

    def commit(self, commits: Sequence[Commit]) -> None:
        """Nobody answers."""

    def commit_results(self) -> list[CommitResult]:
        return []


class Desk:
    """An outbox; a test says which letters are acknowledged."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.kept: dict[int, Letter] = {}
        self.sent = 0
        self.failed = 0
        self.ready: list[int] = []

    @property
    def held_bytes(self) -> int:
        return sum(map(bytes_of, self.kept.values()))

    def send(self, letter: Letter) -> int:
        self.sent += 1
        self.kept[self.sent] = letter
        return self.sent

    def poll(self) -> list[int]:
        ready, self.ready = self.ready, []
        for ticket in ready:
            del self.kept[ticket]
        return ready

    def flush(self, timeout_s: float) -> bool:
        return not self.kept

    def close(self) -> None:
        self.kept.clear()


class Scene:
    """An intake that owns two partitions, and finds nothing in them that it can use."""

    def __init__(self) -> None:
        self.reader, self.desk = Reader(), Desk()
        relay = Relay(RelayRules(), Lease(1e9))
        metrics = Metrics(CollectorRegistry(), CohortLabels((), 3), partition_labels=True)
        line = SimpleNamespace(
            share=lambda _: None,
            outcomes=lambda _: (),
            suspects=list,
            capacity=lambda: 1,
            submit=lambda _: None,
            renew=lambda _: None,
        )
        ports = Ports(cast("Any", self.reader), cast("Any", line), lambda: 0.0, metrics)
        letters = Letters(self.desk, DeadLetters(), relay, metrics)
        decoder = cast("Any", SimpleNamespace(decode=all_rejected))
        rules = IntakeRules(max_reject_ratio=1.0)
        self.intake = Intake(rules, ports, relay, letters, cast("Any", None), lambda _: decoder)
        self.intake.join()
        relay.assign({P: Start(0), OTHER: Start(0)})
        self.intake.ownership.standing.unstarted.clear()
        self.next = 0

    def read(self, count: int, value: bytes) -> None:
        """Let so many records come in, each of which becomes a letter."""
        records = [SimpleNamespace(value=lambda: value, timestamp=lambda: (0, -1))] * count
        self.reader.incoming = [Run(P, cast("Any", records), self.next, self.next + count)]
        self.next += count
        self.intake.turn()

    def acknowledge(self, count: int) -> None:
        self.desk.ready = list(self.desk.kept)[:count]
        self.intake.turn()


def all_rejected(run: Run, *, stop_at_reject: bool) -> Decoded:
    assert not stop_at_reject
    rejects = [
        Reject(run.partition, offset, Reason.INVALID_JSON, "", None, record.value())
        for offset, record in enumerate(run.records, run.first_offset)
    ]
    empty = ChangeSet(run.partition, run.first_offset, run.next_offset, {}, 0)
    return Decoded(empty, tuple(rejects))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_reading_stops_at_so_much_in_letters_and_goes_on_as_they_are_acknowledged(
    scene: Scene,
) -> None:
    scene.read(1, KB_100)
    below = (LETTERS_BYTES_MAX - 1) // scene.desk.held_bytes  # So many letters are less than it.
    scene.read(below - 1, KB_100)
    assert not scene.reader.paused

    scene.read(1, KB_100)
    assert scene.desk.held_bytes >= LETTERS_BYTES_MAX
    assert scene.reader.paused == {P, OTHER}

    scene.acknowledge(1)
    assert scene.desk.held_bytes < LETTERS_BYTES_MAX
    assert not scene.reader.paused


def test_reading_stops_at_so_many_letters_however_small(scene: Scene) -> None:
    scene.read(LETTERS_WAITING_MAX - 1, b"")
    assert not scene.reader.paused

    scene.read(1, b"")
    assert scene.desk.held_bytes < LETTERS_BYTES_MAX
    assert scene.reader.paused == {P, OTHER}

    scene.acknowledge(1)
    assert not scene.reader.paused


def test_that_reading_waits_for_letters_is_no_trouble_of_its_own(scene: Scene) -> None:
    scene.read(400, KB_100)

    assert scene.reader.paused
    assert scene.intake.letters.trouble is None


def test_no_letter_is_dropped_for_the_bound(scene: Scene) -> None:
    for _ in range(2):  # What a poll brings on top of it.
        scene.read(400, KB_100)
    assert len(scene.desk.kept) == 800

    scene.acknowledge(800)

    assert scene.intake.letters.acknowledged.total() == 800
    assert not scene.reader.paused
