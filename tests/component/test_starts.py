"""Where partitions begin that are assigned to a process which has met their topics before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import MADE_ANEW, Destination, Parked
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.intake.starts import FirstStart, Found, Starts
from daemon.kafka.records import Committed, Survey

if TYPE_CHECKING:
    from collections.abc import Sequence

P = Partition("input", 0)


class FakeConsumer:
    """A topic of one partition, whose log has the offsets 3 to 9."""

    def __init__(self) -> None:
        self.limits: list[float] = []
        self.answering = True
        self.commits: dict[Partition, Committed | None] = {}

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        self.limits.append(timeout_s)
        if not self.answering:
            raise KafkaUnavailable("nobody answers")
        return {partition: self.commits.get(partition) for partition in partitions}

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        return 3, 9


def _survey(topic_id: str = "") -> Survey:
    """Return a survey of a cluster that has the topic under this id, or has it not."""
    ids = {"input": topic_id} if topic_id else {}
    return Survey(0.0, ids, dict.fromkeys(ids, 1))


def _find(starts: Starts, survey: Survey) -> Found:
    starts.met(survey)
    return starts.find([P], survey, 0.0)[P]


def _starts(consumer: FakeConsumer, at: str = "earliest") -> Starts:
    return Starts(cast("Any", consumer), Destination("f", 30.0), FirstStart(at))


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
        with pytest.raises(KafkaUnavailable):
            _find(starts, _survey("id"))
    assert consumer.limits == pytest.approx([0.4, 0.8, 1.6, 3.2, 5.0, 5.0])

    consumer.answering = True
    _find(starts, _survey("id"))
    consumer.limits.clear()
    _find(starts, _survey("id"))

    assert set(consumer.limits) == {0.4}
