"""Where partitions begin that are assigned to a process which has met their topics before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import MADE_ANEW, Destination, Parked
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.intake.starts import Asked, FirstStart, Found, Starts
from daemon.kafka.records import Committed, Survey

if TYPE_CHECKING:
    from collections.abc import Sequence

P, Q, R = (Partition("input", number) for number in range(3))
OTHER = Partition("other", 0)


class FakeConsumer:
    """Topics whose logs have the offsets 3 to 9; questions take as long as a test says."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.limits: list[float] = []
        self.log_limits: list[float] = []
        self.answering = True
        self.takes_s = 0.0  # What an answer takes.
        self.without_leader: set[Partition] = set()
        self.in_trouble: set[str] = set()  # Topics whose committed offsets are not told.
        self.asked: list[Partition] = []  # Whose logs were asked about.
        self.commits: dict[Partition, Committed | None] = {}

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        self.limits.append(timeout_s)
        if not self.answering:
            self.now_s += timeout_s
            raise KafkaUnavailable("nobody answers")
        if any(partition.topic in self.in_trouble for partition in partitions):
            raise KafkaUnavailable("a topic is in trouble")
        self.now_s += self.takes_s
        return {partition: self.commits.get(partition) for partition in partitions}

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        self.asked.append(partition)
        self.log_limits.append(timeout_s)
        if partition in self.without_leader:
            self.now_s += timeout_s
            raise KafkaUnavailable(f"{partition} has no leader")
        self.now_s += self.takes_s
        return 3, 9

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        self.now_s += self.takes_s
        return 5


def _survey(topic_id: str = "", partitions: int = 1) -> Survey:
    """Return a survey of a cluster that has the topic under this id, or has it not."""
    ids = {"input": topic_id} if topic_id else {}
    return Survey(0.0, ids, dict.fromkeys(ids, partitions))


MANY = Survey(0.0, {}, {"input": 60, "other": 1})


def _find(starts: Starts, survey: Survey) -> Found:
    starts.met(survey)
    return starts.find([P], survey, 0.0).found[P]


def _starts(consumer: FakeConsumer, at: str = "earliest") -> Starts:
    first = FirstStart(at, timestamp_ms=1_000)
    return Starts(cast("Any", consumer), Destination("f", 30.0), first, lambda: consumer.now_s)


def _positions(asked: Asked) -> dict[Partition, int]:
    return {at: how.position for at, how in asked.found.items() if isinstance(how, Start)}


def _committed(offset: int) -> Committed:
    return Committed(offset, Mark(9, clean=True, topic_id="", fingerprint="f").encode())


@pytest.mark.parametrize("at", ["earliest", "latest"])
def test_a_topic_deleted_while_it_was_nobodys_is_parked_when_it_comes_back(at: str) -> None:
    starts = _starts(FakeConsumer(), at)
    assert isinstance(_find(starts, _survey("old")), Start)
    starts.met(_survey())

    found = _find(starts, _survey("new"))

    assert isinstance(found, Parked)
    assert found.why == MADE_ANEW


def test_a_topic_that_only_a_survey_has_met_is_known_as_well() -> None:
    starts = _starts(FakeConsumer())

    starts.met(_survey("older"))

    assert isinstance(_find(starts, _survey("old")), Parked)


def test_after_a_reset_the_new_topic_is_the_one_that_is_known() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    starts.met(_survey("older"))
    mark = Mark(9, clean=True, topic_id="old", fingerprint="f")
    consumer.commits[P] = Committed(5, mark.encode())

    assert isinstance(_find(starts, _survey("old")), Start)

    consumer.commits.clear()
    assert isinstance(_find(starts, _survey("old")), Start)


@pytest.mark.parametrize(("met_at_first", "position"), [(True, 9), (False, 3)])
def test_latest_is_for_topics_that_were_there_when_the_process_began(
    position: int, *, met_at_first: bool
) -> None:
    starts = _starts(FakeConsumer(), "latest")
    starts.met(_survey("id" if met_at_first else ""))

    found = _find(starts, _survey("id"))

    assert isinstance(found, Start)
    assert found.position == position


def test_a_question_in_vain_is_asked_with_more_patience_up_to_a_bound() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    consumer.answering = False
    for _ in range(6):
        asked = starts.find([P], _survey("id"), 0.0)
        assert not asked.found
        assert asked.unanswered == {P: "nobody answers"}
    assert consumer.limits == pytest.approx([0.4, 0.8, 1.6, 3.2, 5.0, 5.0])

    consumer.answering = True
    _find(starts, _survey("id"))
    consumer.limits.clear()
    _find(starts, _survey("id"))

    assert set(consumer.limits) == {0.4}


def test_a_silent_leader_is_asked_with_more_patience_and_makes_no_other_question_longer() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    consumer.without_leader.add(P)
    for _ in range(6):
        starts.find([P], MANY, 0.0)
    assert consumer.log_limits == pytest.approx([0.4, 0.8, 1.6, 3.2, 5.0, 5.0])

    starts.find([P, Q], MANY, 0.0)

    assert consumer.log_limits[6:] == pytest.approx([0.4, 5.0])
    assert set(consumer.limits) == {0.4}


def test_one_without_a_leader_keeps_none_of_the_others_from_beginning() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    consumer.commits[Q] = _committed(5)
    consumer.without_leader.add(P)

    first = starts.find([P, Q, R, OTHER], MANY, 0.0)
    assert _positions(first) == {Q: 5}
    assert set(first.unanswered.values()) == {"input:0 has no leader"}
    assert first.in_vain

    second = starts.find([P, R, OTHER], MANY, 0.0)
    assert _positions(second) == {R: 3, OTHER: 3}
    assert second.unanswered == {P: "input:0 has no leader"}

    consumer.without_leader.clear()
    assert _positions(starts.find([P], MANY, 0.0)) == {P: 3}


def test_a_turn_waits_in_vain_for_one_question_and_asks_the_others_in_the_next() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    every = [Partition("input", number) for number in range(10)]
    consumer.without_leader.update(every[:3])
    left = list(every)
    waited_s = []
    while len(left) > 3:
        before_s = consumer.now_s
        left = list(starts.find(left, MANY, 0.0).unanswered)
        waited_s.append(consumer.now_s - before_s)

    assert sorted(left) == every[:3]
    assert waited_s == pytest.approx([0.4, 0.4, 0.4, 0.8])
    assert consumer.asked[:10] == every  # Who was asked in vain comes after the others.


def test_what_there_is_no_time_for_is_asked_in_the_next_turn_and_not_in_vain() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    consumer.takes_s = 0.1
    left = [Partition("input", number) for number in range(60)]
    while left:
        before_s = consumer.now_s
        asked = starts.find(left, MANY, 0.0)
        assert consumer.now_s - before_s < 1.2
        assert len(asked.found) >= min(5, len(left))
        assert not asked.in_vain
        left = list(asked.unanswered)

    assert len(consumer.asked) == 60


def test_a_topic_whose_offsets_are_not_told_keeps_no_other_topic_from_beginning() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    consumer.commits[P] = _committed(5)
    consumer.in_trouble.add("other")

    asked = starts.find([P, Q, OTHER], MANY, 0.0)

    assert _positions(asked) == {P: 5, Q: 3}
    assert asked.unanswered == {OTHER: "a topic is in trouble"}


def test_whether_a_topic_has_begun_is_not_guessed() -> None:
    """What is ours of it has no offset, and what another has of it is not told."""
    consumer = FakeConsumer()
    starts = _starts(consumer, "latest")
    consumer.commits[P] = _committed(5)
    survey, told = Survey(0.0, {}, {"input": 3}), consumer.committed

    def ours_alone(
        partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        if len(partitions) == 3:
            raise KafkaUnavailable("nobody answers")
        return told(partitions, timeout_s)

    consumer.committed = ours_alone  # type: ignore[method-assign]
    asked = starts.find([P, Q], survey, 0.0)
    assert _positions(asked) == {P: 5}
    assert asked.unanswered == {Q: "nobody answers"}

    consumer.committed = told  # type: ignore[method-assign]
    assert _positions(starts.find([Q], survey, 0.0)) == {Q: 3}


@pytest.mark.parametrize(("at", "position"), [("earliest", 3), ("latest", 9), ("time", 5)])
def test_start_applies_to_all_of_a_topic_also_where_the_others_have_committed_first(
    at: str, position: int
) -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer, at)
    consumer.without_leader.add(Q)
    assert _positions(starts.find([P, Q], MANY, 0.0)) == {P: position}
    consumer.commits[P] = _committed(position)

    consumer.without_leader.clear()

    assert _positions(starts.find([Q], MANY, 0.0)) == {Q: position}


@pytest.mark.parametrize("at", ["latest", "time"])
def test_start_no_longer_applies_to_what_was_given_away_meanwhile(at: str) -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer, at)
    consumer.without_leader.add(Q)
    starts.find([P, Q], MANY, 0.0)
    consumer.commits[P] = _committed(9)
    consumer.without_leader.clear()

    starts.forget([Q])

    assert _positions(starts.find([Q], MANY, 0.0)) == {Q: 3}


def test_an_offset_committed_meanwhile_is_where_it_begins() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer, "latest")
    consumer.without_leader.add(Q)
    starts.find([P, Q], MANY, 0.0)

    consumer.commits[Q] = _committed(4)

    assert _positions(starts.find([Q], MANY, 0.0)) == {Q: 4}
