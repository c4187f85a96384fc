"""What a turn makes of all that one poll brings of a partition."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.config.inputs import InputSettings
from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.formats.decoders import compile_input
from daemon.intake.dead_letters import DeadLetters
from daemon.intake.letters import RATIO_RECORDS, Letters
from daemon.intake.loop import Intake, IntakeRules
from daemon.intake.ports import Ports
from daemon.intake.starts import Asked
from daemon.intake.watch import IntakeWatch, WatchRules
from daemon.kafka.records import (
    Commit,
    CommitResult,
    EndOfPartition,
    PartitionFault,
    Polled,
    Run,
    Survey,
)
from daemon.metrics import CohortLabels, Metrics
from tests.support.corpus import FakeRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.model import Flush

P = Partition("input", 0)
# What the last owner may have sent reaches far beyond the end of the log.
START = Start(0, sent_to=1_000_000, topic_id="id")
BAD = b"no JSON"


def change(member: str, op: str = "add") -> bytes:
    return json.dumps({"cohort_id": "vip", "op": op, "external_id": member}).encode()


def _survey(asked_at_s: float, topic_id: str) -> Survey:
    return Survey(asked_at_s, {"input": topic_id}, {"input": 1})


class FakeConsumer:
    """Hands out what a test gives it, once; the broker takes every commit."""

    def __init__(self) -> None:
        self.given: list[Polled] = []
        self.read_to: dict[Partition, int] = {}
        self.told_end: dict[Partition, int] = {}
        self._answers: list[CommitResult] = []

    def poll_runs(self, max_records: int, timeout_s: float) -> list[Polled]:
        given, self.given = self.given, []
        for polled in given:
            if isinstance(polled, Run):
                self.read_to[polled.partition] = polled.next_offset
            elif isinstance(polled, EndOfPartition):
                self.read_to[polled.partition] = self.told_end[polled.partition] = polled.offset
        return given

    def position(self, partition: Partition) -> int | None:
        return self.read_to.get(partition)

    def end_offset(self, partition: Partition) -> int | None:
        return self.told_end.get(partition)

    def commit(self, commits: Sequence[Commit]) -> None:
        self._answers += map(CommitResult, commits)

    def commit_results(self) -> list[CommitResult]:
        answers, self._answers = self._answers, []
        return answers

    def commit_now(self, commits: Sequence[Commit]) -> list[CommitResult]:
        return [CommitResult(commit) for commit in commits]

    def begin(self, offsets: dict[Partition, int]) -> None:
        pass

    def pause(self, partitions: Sequence[Partition]) -> None:
        pass

    def resume(self, partitions: Sequence[Partition]) -> None:
        pass


class Scene:
    """An intake that takes a partition over, and replays it behind a barrier."""

    def __init__(self, *, letters: bool = True) -> None:
        self.now_s = 0.0
        self.consumer = FakeConsumer()
        self.submitted: list[Flush] = []
        line = SimpleNamespace(
            submit=self.submitted.extend,
            outcomes=lambda _: [],
            suspects=frozenset,
            capacity=lambda: 9,
            renew=lambda _: None,
            share=lambda _: None,
        )
        self.surveys = SimpleNamespace(
            latest=_survey(0.0, "id"), hurry=lambda: None, own=lambda _: None
        )
        metrics = Metrics(CollectorRegistry(), CohortLabels((), 3), partition_labels=True)
        ports = Ports(
            cast("Any", self.consumer),
            cast("Any", line),
            lambda: self.now_s,
            metrics,
            surveys=self.surveys,
        )
        outbox = SimpleNamespace(send=lambda _: 1, poll=list, trouble=None, failed=0, held_bytes=0)
        relay = Relay(RelayRules(), Lease(1e6))
        starts = SimpleNamespace(
            find=lambda *_: Asked({P: START}, {}), met=lambda _: None, forget=lambda _: None
        )
        self.intake = Intake(
            IntakeRules(),
            ports,
            relay,
            Letters(cast("Any", outbox) if letters else None, DeadLetters(), relay, metrics),
            cast("Any", starts),
            lambda topic: compile_input(InputSettings.model_validate({"topic": topic})),
        )
        self.watch = IntakeWatch(self.intake, ports, lambda: 0.0, WatchRules(1_000, 32.0))
        self.intake.ownership.on_assign([P])
        self.turn()

    def run(self, first: int, *values: bytes) -> Run:
        records = [FakeRecord(value, _offset=at) for at, value in enumerate(values, start=first)]
        return Run(P, records, first, first + len(values))

    def turn(self, *polled: Polled) -> list[tuple[str, dict[Any, bool]]]:
        """Let a poll bring this; return what has left by the time every window is old."""
        self.consumer.given = list(polled)
        for _ in range(3):
            self.intake.turn()
            self.now_s += 10.0
        return [(flush.cohort, dict(flush.changes)) for flush in self.submitted]

    def holds(self) -> set[str]:
        """Return the reasons to wait that stand on the status page."""
        view = self.watch.turn(self.now_s, held_elsewhere=False)
        assert view is not None
        return set(view.holds)

    def made_anew(self) -> None:
        self.surveys.latest = _survey(self.now_s, "another")
        self.turn()


def test_the_end_of_the_log_opens_the_barrier_of_what_was_replayed() -> None:
    scene = Scene()

    before = scene.turn(scene.run(0, change("u1")))
    after = scene.turn(scene.run(1, change("u1", "remove")), EndOfPartition(P, 2))

    assert before == []
    assert after == [("vip", {"u1": False})]


def test_the_end_of_the_log_opens_no_barrier_behind_a_run_that_was_dropped() -> None:
    scene = Scene()
    scene.turn(scene.run(0, change("u1")))

    run = scene.run(1, change("u1", "remove"), *[BAD] * RATIO_RECORDS)
    left = scene.turn(run, EndOfPartition(P, run.next_offset))

    assert scene.intake.ownership.standing.parked.keys() == {P}
    assert left == []


def test_the_end_of_the_log_opens_no_barrier_behind_a_record_that_can_not_be_passed() -> None:
    scene = Scene(letters=False)
    run = scene.run(0, change("u1"), BAD, change("u1", "remove"))

    left = scene.turn(run, EndOfPartition(P, run.next_offset))

    assert scene.intake.relay.tenures[P].position == 1
    assert left == []


@pytest.mark.parametrize("behind", [[], [change("u1", "remove")]])
def test_the_end_of_the_log_opens_no_barrier_behind_a_fault(behind: list[bytes]) -> None:
    scene = Scene()
    fault = PartitionFault(P, "_BAD_MSG", "damaged")
    more = [scene.run(5, *behind)] if behind else []

    left = scene.turn(scene.run(0, change("u1")), fault, *more, EndOfPartition(P, 6))

    assert scene.intake.ownership.standing.parked == {P: "_BAD_MSG: damaged"}
    assert left == []


@pytest.mark.parametrize(
    "leave",
    [
        lambda scene: scene.intake.ownership.on_revoke([P]),
        lambda scene: scene.intake.ownership.on_lost([P]),
        Scene.made_anew,
    ],
    ids=["revoked", "lost", "made anew"],
)
def test_too_many_rejects_are_no_reason_to_wait_once_their_partition_is_given_up(
    leave: Callable[[Scene], None],
) -> None:
    scene = Scene()
    scene.turn(scene.run(0, *[BAD] * RATIO_RECORDS))
    before = scene.holds()

    leave(scene)
    scene.now_s += 10.0

    assert "dead_letter" in before
    assert "dead_letter" not in scene.holds()
