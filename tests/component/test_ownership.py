"""What is done inside the client's rebalance callback, and what only after it."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.core.intent import TO_THE_END, Mark
from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.takeover import MADE_ANEW, Foreign, Parked
from daemon.core.tenure import Start
from daemon.intake.ownership import Ownership
from daemon.intake.ports import Ports
from daemon.intake.starts import Asked
from daemon.kafka.records import Commit, PartitionFault, Survey
from daemon.metrics import CohortLabels, Metrics

P, Q, R = (Partition("input", number) for number in range(3))


class FakeConsumer:
    def __init__(self) -> None:
        self.begun: dict[Partition, int] = {}
        self.committed: list[Commit] = []

    def commit(self, commits: list[Commit]) -> None:
        self.committed += commits

    def begin(self, offsets: dict[Partition, int]) -> None:
        self.begun.update(offsets)

    def pause(self, partitions: list[Partition]) -> None:
        assert not partitions


class FakeSurveys:
    def __init__(self) -> None:
        self.latest: Survey | None = Survey(0.0, {}, {"input": 6})
        self.hurried = 0

    def hurry(self) -> None:
        self.hurried += 1

    def own(self, partitions: frozenset[Partition]) -> None:
        raise AssertionError("this is for who looks at it")


class Scene:
    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.asked = 0
        self.answers: dict[Partition, Any] = {}
        self.answering = True
        self.asking_s = 0.0
        self.slow: set[Partition] = set()  # Those there was no time to ask about.
        self.forgotten: list[Partition] = []
        self.shares: list[float] = []
        self.dropped: list[Partition] = []
        self.now_s = 0.0
        self.renewing_s = 0.0
        self.deadline_s = math.nan
        self.surveys = FakeSurveys()
        self.relay = Relay(RelayRules(), Lease(10.0))
        line = SimpleNamespace(share=self.shares.append)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, CohortLabels((), 3), partition_labels=True)
        ports = Ports(
            cast("Any", self.consumer),
            cast("Any", line),
            lambda: self.now_s,
            metrics,
            surveys=self.surveys,
        )
        starts = SimpleNamespace(find=self.find, met=lambda _: None, forget=self.forgotten.extend)
        self.steps: list[str] = []
        handover = SimpleNamespace(
            renew_lease=self.renew,
            revoke=self.revoke,
            lose=lambda _: self.steps.append("lose"),
            drop=self.drop,
        )
        self.ownership = Ownership(
            ports, self.relay, cast("Any", starts), cast("Any", handover), 1.0
        )

    def renew(self, _: list[Partition]) -> None:
        self.steps.append("renew the lease")
        self.now_s += self.renewing_s

    def revoke(self, _: list[Partition], deadline_s: float) -> None:
        self.steps.append("revoke")
        self.deadline_s = deadline_s

    def drop(self, partitions: list[Partition]) -> None:
        self.dropped += partitions
        for partition in partitions:
            self.relay.give_up(partition)

    def survey(self, ids: dict[str, str], partitions: int = 6) -> None:
        """Let a survey come in that was asked for now."""
        self.surveys.latest = Survey(self.now_s, ids, dict.fromkeys(ids, partitions))
        self.ownership.turn(self.now_s)

    def find(self, partitions: list[Partition], survey: Survey, now_s: float) -> Asked:
        self.asked += 1
        self.now_s += self.asking_s
        if not self.answering:
            return Asked({}, dict.fromkeys(partitions, "nobody answers"), "nobody answers")
        found: dict[Partition, Any] = {
            partition: self.answers.get(partition, Start(7))
            for partition in partitions
            if self.answers.get(partition) != "no leader" and partition not in self.slow
        }
        untold = {p: "no leader" for p in partitions if p not in found}
        return Asked(found, untold, "no leader" if untold.keys() - self.slow else "")


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


def test_what_is_read_is_counted_from_nothing_on_for_as_long_as_it_is_ours() -> None:
    scene = Scene()
    counter = "cohortd_events_consumed_total", {"topic": P.topic, "partition": str(P.number)}

    scene.ownership.on_assign([P])
    assert scene.registry.get_sample_value(*counter) == 0

    scene.ownership.on_revoke([P])
    assert scene.registry.get_sample_value(*counter) is None


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


def test_those_that_can_be_answered_begin_and_the_rest_is_asked_for_later() -> None:
    scene = Scene()
    scene.answers = {P: "no leader"}
    scene.ownership.on_assign([P, Q])

    scene.ownership.turn(0.0)
    assert scene.consumer.begun == {Q: 7}
    assert scene.ownership.standing.unstarted == {P: "no leader"}

    scene.answers.clear()
    scene.now_s = 2.0
    scene.ownership.turn(2.0)
    assert scene.consumer.begun == {P: 7, Q: 7}
    assert not scene.ownership.standing.stopped()


@pytest.mark.parametrize(
    ("asking_s", "again_s"), [(0.0, 2.0), (0.4, 4.0), (1.6, 16.0), (5.0, 20.0)]
)
def test_asking_in_vain_costs_those_that_run_little_of_their_time(
    asking_s: float, again_s: float
) -> None:
    scene = Scene()
    scene.ownership.on_assign([Q])
    scene.ownership.turn(0.0)
    scene.answers, scene.asking_s = {P: "no leader"}, asking_s
    scene.ownership.on_assign([P])
    scene.survey({"input": "id"})
    asked, ended_s = scene.asked, scene.now_s

    scene.ownership.turn(ended_s + again_s - 0.1)
    assert scene.asked == asked
    scene.ownership.turn(ended_s + again_s)
    assert scene.asked == asked + 1


def test_who_has_nothing_to_slow_down_asks_again_soon() -> None:
    scene = Scene()
    scene.answering, scene.asking_s = False, 5.0
    scene.ownership.on_assign([P])
    scene.ownership.turn(0.0)

    scene.ownership.turn(scene.now_s + 2.0)

    assert scene.asked == 2


def test_those_there_was_no_time_for_are_asked_about_in_the_next_turn() -> None:
    scene = Scene()
    scene.slow = {Q}
    scene.ownership.on_assign([P, Q])
    scene.ownership.turn(0.0)

    scene.slow.clear()
    scene.ownership.turn(0.1)

    assert scene.consumer.begun == {P: 7, Q: 7}


def test_what_was_found_out_of_a_partition_is_forgotten_with_it() -> None:
    scene = Scene()
    scene.answers = {P: "no leader"}
    scene.ownership.on_assign([P, Q])
    scene.ownership.turn(0.0)

    scene.ownership.on_revoke([P])
    scene.ownership.on_lost([Q])

    assert scene.forgotten == [P, Q]


def test_partitions_that_go_before_they_were_begun_are_forgotten() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])

    scene.ownership.on_revoke([P])
    scene.ownership.turn(0.0)

    assert scene.consumer.begun == {}
    assert not scene.ownership.assigned


def test_what_is_revoked_is_finished_on_a_lease_and_for_what_is_lost_none_is_asked() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])

    scene.ownership.on_revoke([P])
    assert scene.steps == ["renew the lease", "revoke"]

    scene.ownership.on_assign([P])
    scene.ownership.on_lost([P])
    assert scene.steps[2:] == ["lose"]


def test_a_slow_renewal_takes_nothing_of_the_time_for_what_is_on_the_wire() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])
    scene.now_s, scene.renewing_s = 5.0, 30.0

    scene.ownership.on_revoke([P])

    assert scene.deadline_s == 5.0 + 30.0 + 1.0


def test_who_has_lost_its_partitions_is_no_member_until_the_group_says_so() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])
    assert scene.ownership.joined

    scene.ownership.on_lost([P])
    assert not scene.ownership.joined
    assert not scene.ownership.assigned

    scene.ownership.on_assign([])
    assert scene.ownership.joined


def test_nothing_is_begun_before_a_survey_that_was_asked_for_after_the_assignment() -> None:
    scene = Scene()
    scene.now_s = 1.0
    scene.ownership.on_assign([P])
    assert scene.surveys.hurried == 1

    scene.ownership.turn(1.0)
    assert scene.consumer.begun == {}

    scene.survey({"input": "id"})
    assert scene.consumer.begun == {P: 7}


def test_a_topic_made_anew_parks_its_partitions_and_the_others_go_on() -> None:
    scene = Scene()
    other = Partition("other", 0)
    scene.answers = {P: Start(7, topic_id="old"), other: Start(7, topic_id="same")}
    scene.ownership.on_assign([P, other])
    scene.survey({"input": "old", "other": "same"})
    scene.now_s = 1.0
    scene.survey({"input": "old", "other": "same"})
    assert not scene.dropped

    scene.survey({"input": "new", "other": "same"})

    assert scene.dropped == [P]
    assert scene.ownership.standing.parked == {P: MADE_ANEW}
    assert scene.relay.tenures.keys() == {other}


def test_a_fault_of_the_new_log_does_not_hide_that_the_topic_was_made_anew() -> None:
    scene = Scene()
    scene.answers = {P: Start(7, topic_id="old")}
    scene.ownership.on_assign([P])
    scene.ownership.turn(0.0)
    scene.ownership.fault(PartitionFault(P, "_AUTO_OFFSET_RESET", "out of range"))
    assert scene.surveys.hurried == 2
    assert scene.ownership.standing.parked == {P: "_AUTO_OFFSET_RESET: out of range"}

    scene.now_s = 1.0
    scene.survey({"input": "new"})
    scene.ownership.fault(PartitionFault(P, "_AUTO_OFFSET_RESET", "out of range"))

    assert scene.ownership.standing.parked == {P: MADE_ANEW}


@pytest.mark.parametrize(("begun", "told"), [("", "new"), ("old", "")])
def test_an_id_that_the_broker_does_not_tell_parks_nothing(begun: str, told: str) -> None:
    scene = Scene()
    scene.answers = {P: Start(7, topic_id=begun)}
    scene.ownership.on_assign([P])
    scene.ownership.turn(0.0)

    scene.now_s = 1.0
    scene.survey({"input": told} if told else {})

    assert not scene.ownership.standing.stopped()


def test_a_survey_asked_for_before_a_partition_was_begun_says_nothing_of_it() -> None:
    scene = Scene()
    scene.answers = {P: Start(7, topic_id="new")}
    scene.now_s = 5.0
    scene.ownership.on_assign([P])
    scene.survey({"input": "new"})

    scene.now_s = 4.0
    scene.survey({"input": "old"})

    assert not scene.ownership.standing.stopped()


def test_what_only_this_process_knows_of_a_topic_is_committed_for_those_to_come() -> None:
    scene = Scene()
    mark = Mark(TO_THE_END, clean=False, topic_id="old", fingerprint="f")
    scene.answers = {P: Parked(MADE_ANEW, mark)}
    scene.ownership.on_assign([P])

    scene.ownership.turn(0.0)

    assert scene.consumer.committed == [Commit(P, 0, mark.encode())]
    assert scene.consumer.begun == {}


def test_the_share_follows_partitions_that_are_added() -> None:
    scene = Scene()
    scene.ownership.on_assign([P])
    scene.ownership.turn(0.0)
    assert scene.shares[-1] == pytest.approx(1 / 6)

    scene.survey({"input": "id"}, partitions=8)

    assert scene.shares[-1] == pytest.approx(1 / 8)


def test_a_topic_that_the_brokers_do_not_tell_of_delays_no_other() -> None:
    scene = Scene()
    hidden = Partition("hidden", 0)
    scene.ownership.on_assign([P, hidden])

    scene.survey({"input": "id"})

    assert scene.consumer.begun == {P: 7}
    assert scene.ownership.standing.unstarted == {hidden: "the brokers do not tell of hidden"}
    assert scene.surveys.hurried == 2
    scene.now_s = 2.0
    scene.survey({"input": "id", "hidden": "id too"})
    assert scene.consumer.begun == {P: 7, hidden: 7}
