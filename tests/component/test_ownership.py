"""What is done inside the client's rebalance callback, and what only after it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.relay import Relay, RelayRules
from daemon.core.takeover import Foreign, Parked
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.intake.ownership import Ownership
from daemon.intake.ports import Ports
from daemon.metrics import CohortLabels, Metrics

P, Q, R = (Partition("input", number) for number in range(3))


class FakeConsumer:
    def __init__(self) -> None:
        self.begun: dict[Partition, int] = {}
        self.counts = {"input": 6}

    def begin(self, offsets: dict[Partition, int]) -> None:
        self.begun.update(offsets)

    def pause(self, partitions: list[Partition]) -> None:
        assert not partitions

    def partition_counts(self, timeout_s: float) -> dict[str, int]:
        return self.counts


class Scene:
    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.asked = 0
        self.answers: dict[Partition, Any] = {}
        self.answering = True
        self.shares: list[float] = []
        self.relay = Relay(RelayRules(), Lease(10.0))
        line = SimpleNamespace(share=self.shares.append)
        metrics = Metrics(CollectorRegistry(), CohortLabels((), 3), partition_labels=True)
        ports = Ports(cast("Any", self.consumer), cast("Any", line), lambda: 0.0, metrics)
        starts = SimpleNamespace(find=self.find)
        handover = SimpleNamespace(revoke=lambda *_: None, lose=lambda *_: None)
        self.ownership = Ownership(
            ports, self.relay, cast("Any", starts), cast("Any", handover), 1.0
        )

    def find(self, partitions: list[Partition], now_s: float) -> dict[Partition, Any]:
        self.asked += 1
        if not self.answering:
            raise KafkaUnavailable("nobody answers")
        return {partition: self.answers.get(partition, Start(7)) for partition in partitions}


def test_inside_the_callback_nothing_is_asked() -> None:
    scene = Scene()

    scene.ownership.on_assign([P, Q])

    assert scene.asked == 0
    assert scene.consumer.begun == {}
    assert scene.ownership.standing.unstarted.keys() == {P, Q}

    scene.ownership.turn(0.0)
    assert scene.consumer.begun == {P: 7, Q: 7}
    assert scene.relay.tenures.keys() == {P, Q}
    assert scene.shares[-1] == pytest.approx(2 / 6)
    assert not scene.ownership.standing.stopped()


def test_what_is_foreign_or_parked_is_never_begun() -> None:
    scene = Scene()
    scene.answers = {P: Foreign("abc"), Q: Parked("gone")}
    scene.ownership.on_assign([P, Q, R])

    scene.ownership.turn(0.0)

    assert scene.consumer.begun == {R: 7}
    assert scene.ownership.standing.foreign == {P: "abc"}
    assert scene.ownership.standing.parked == {Q: "gone"}
    scene.ownership.turn(100.0)
    assert scene.asked == 1


def test_without_an_answer_it_asks_again_later() -> None:
    scene = Scene()
    scene.answering = False
    scene.ownership.on_assign([P])

    scene.ownership.turn(0.0)
    scene.ownership.turn(1.0)
    assert scene.asked == 1
    assert "nobody answers" in scene.ownership.standing.unstarted[P]

    scene.answering = True
    scene.ownership.turn(5.0)
    assert scene.consumer.begun == {P: 7}


def test_partitions_that_go_before_they_were_begun_are_forgotten() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])

    scene.ownership.on_revoke([P])
    scene.ownership.turn(0.0)

    assert scene.consumer.begun == {}
    assert not scene.ownership.assigned


def test_a_rebalance_that_brings_nothing_may_still_change_the_share() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])
    scene.ownership.turn(0.0)
    scene.consumer.counts = {"input": 6, "other": 4}

    scene.ownership.on_assign([])
    scene.ownership.turn(0.0)

    assert scene.shares[-1] == pytest.approx(1 / 10)
