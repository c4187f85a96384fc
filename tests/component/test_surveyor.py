"""The thread that asks beside the reading, on the mock cluster."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from daemon.core.model import Partition
from daemon.kafka.records import Survey
from daemon.kafka.surveyor import EVERY_S, Surveyor
from daemon.tools.demo.embedded_kafka import EmbeddedKafka
from tests.support.mock_cluster import Api, MockCluster
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOT_LEADER = 6


@contextmanager
def _surveyor(bootstrap: str, topics: Sequence[str]) -> Iterator[Surveyor]:
    surveyor = Surveyor({"bootstrap.servers": bootstrap}, topics, time.monotonic)
    surveyor.start()
    try:
        yield surveyor
    finally:
        surveyor.stop()
        surveyor.join(10.0)
        assert not surveyor.is_alive()


def _first(surveyor: Surveyor) -> Survey:
    return wait_until("a survey is made", lambda: surveyor.latest)


def test_topics_and_patterns_are_told_with_ids_and_partitions(mock: MockCluster) -> None:
    named = mock.create_topic("named", 2)
    matched = mock.create_topic("matched-1", 3)
    mock.create_topic("another", 1)

    with _surveyor(mock.bootstrap, [named, "missing", "^(matched-.*)$"]) as surveyor:
        survey = _first(surveyor)

    assert survey.partitions == {named: 2, matched: 3}
    assert survey.ids.keys() == {named, matched}
    assert survey.ids[named] != survey.ids[matched]


def test_it_asks_at_once_when_it_is_hurried(mock: MockCluster) -> None:
    topic = mock.create_topic("topic", 1)
    with _surveyor(mock.bootstrap, [topic]) as surveyor:
        first = _first(surveyor)
        surveyor.hurry()

        second = wait_until(
            "another is made", lambda: surveyor.latest if surveyor.latest is not first else None
        )

    assert second.asked_at_s - first.asked_at_s < EVERY_S


def _until(surveyor: Surveyor, what: str, seen: Callable[[Survey], object]) -> Survey:
    """Hurry it until a survey shows that."""

    def shows() -> Survey | None:
        surveyor.hurry()
        survey = surveyor.latest
        return survey if survey is not None and seen(survey) else None

    return wait_until(what, shows)


def test_where_the_logs_of_what_is_owned_begin_is_told_by_a_later_survey(
    mock: MockCluster,
) -> None:
    topic = mock.create_topic("topic", 3)
    ours = Partition(topic, 1)
    with _surveyor(mock.bootstrap, [topic]) as surveyor:
        first = _first(surveyor)
        surveyor.own(frozenset({ours}))

        later = _until(surveyor, "a log's start is told", lambda survey: survey.log_starts)

    assert first.log_starts == {}
    assert later.log_starts == {ours: 0}
    assert later.kept == {}  # Here nobody tells of settings, and nothing else comes of that.
    assert surveyor.unanswered == 0


def test_surveys_follow_each_other_while_nobody_tells_where_logs_begin(mock: MockCluster) -> None:
    topic = mock.create_topic("topic", 1)
    with _surveyor(mock.bootstrap, [topic]) as surveyor:
        first = _first(surveyor)
        mock.fail_next(Api.LIST_OFFSETS, [NOT_LEADER] * 100)
        surveyor.own(frozenset({Partition(topic, 0)}))

        soon_s = first.asked_at_s + 2.0
        later = _until(surveyor, "surveys go on", lambda survey: survey.asked_at_s > soon_s)

    assert later.log_starts == {}
    assert later.partitions == {topic: 1}
    assert surveyor.unanswered == 0


def test_without_an_answer_the_last_survey_stands_and_the_next_comes_by_itself(
    mock: MockCluster,
) -> None:
    topic = mock.create_topic("topic", 1)
    mock.set_down()
    with _surveyor(mock.bootstrap, [topic]) as surveyor:
        wait_until("it has asked in vain", lambda: surveyor.unanswered)
        assert surveyor.latest is None

        mock.set_up()

        assert _first(surveyor).partitions == {topic: 1}


def test_a_topic_in_trouble_hides_no_other(mock: MockCluster) -> None:
    well, ill = mock.create_topic("well"), mock.create_topic("ill")
    mock.fail_topic(ill, 5)  # LEADER_NOT_AVAILABLE

    with _surveyor(mock.bootstrap, [ill, well]) as surveyor:
        survey = _first(surveyor)

    assert survey.partitions == {well: 1}


def test_a_cluster_that_has_no_controller_tells_no_ids_and_all_else() -> None:
    """As the demo's embedded Kafka is."""
    cluster = EmbeddedKafka()
    count = cluster.create_topic("topic")

    with _surveyor(cluster.bootstrap, ["topic"]) as surveyor:
        survey = _first(surveyor)
        surveyor.hurry()
        second = wait_until(
            "another is made", lambda: surveyor.latest if surveyor.latest is not survey else None
        )

    assert survey.partitions == {"topic": count}
    assert not survey.ids
    assert second.partitions == {"topic": count}
