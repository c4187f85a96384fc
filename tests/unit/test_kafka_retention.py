"""What is asked of logs and topics beside the surveys, and what is known by it."""

from __future__ import annotations

import math
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from daemon.core.model import Partition
from daemon.kafka.records import Kept
from daemon.kafka.retention import (
    LOST_S,
    REFUSED_EVERY_S,
    SETTINGS_EVERY_S,
    STANDS_S,
    STARTS_EVERY_S,
    Retention,
    read_settings,
)

P, Q = Partition("t", 0), Partition("u", 3)
DAY_MS = 86_400_000
NO_ANSWER = KafkaError(KafkaError._TIMED_OUT)
NO_RIGHT = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)


def _settings(
    policy: str = "delete", age_ms: int = DAY_MS, size: int = -1
) -> dict[str, SimpleNamespace]:
    told = {"cleanup.policy": policy, "retention.ms": age_ms, "retention.bytes": size}
    return {name: SimpleNamespace(value=str(value)) for name, value in told.items()}


class Cluster:
    """An admin client that hands out futures and keeps them."""

    def __init__(self) -> None:
        self.starts: list[dict[Partition, Future[Any]]] = []
        self.settings: list[dict[str, Future[Any]]] = []
        self.broken = False
        self.now_s = 0.0
        self.retention = Retention(lambda: self.now_s)
        self.retention.own(frozenset({P, Q}))

    def list_offsets(self, asked: dict[Any, Any], request_timeout: float) -> dict[Any, Future[Any]]:
        assert request_timeout <= STARTS_EVERY_S
        if self.broken:
            raise KafkaException(NO_ANSWER)
        futures: dict[Any, Future[Any]] = {each: Future() for each in asked}
        self.starts.append({Partition(e.topic, e.partition): f for e, f in futures.items()})
        return futures

    def describe_configs(self, asked: list[Any], request_timeout: float) -> dict[Any, Future[Any]]:
        assert request_timeout <= STARTS_EVERY_S
        if self.broken:
            raise KafkaException(NO_ANSWER)
        futures: dict[Any, Future[Any]] = {each: Future() for each in asked}
        self.settings.append({each.name: future for each, future in futures.items()})
        return futures

    def turn(self, after_s: float = 0.0) -> None:
        self.now_s += after_s
        self.retention.turn(cast("Any", self))

    def answer(self, start: int = 5) -> None:
        for future in self.starts[-1].values():
            future.set_result(SimpleNamespace(offset=start))
        for future in self.settings[-1].values():
            if not future.done():
                future.set_result(_settings())


def test_answers_are_taken_in_the_turn_after_they_came() -> None:
    cluster = Cluster()
    cluster.turn()
    assert cluster.retention.log_starts == {}

    cluster.answer(5)
    assert cluster.retention.log_starts == {}
    cluster.turn(10.0)

    assert cluster.retention.log_starts == {P: 5, Q: 5}
    assert cluster.retention.kept == {"t": Kept(86_400.0), "u": Kept(86_400.0)}


def test_starts_are_asked_for_in_each_survey_and_settings_once_a_minute() -> None:
    cluster = Cluster()
    for _ in range(7):
        cluster.turn(10.0)
        for each in (cluster.starts, cluster.settings):
            for future in [f for f in each[-1].values() if not f.done()]:
                future.set_result(SimpleNamespace(offset=1) if each is cluster.starts else {})

    assert len(cluster.starts) == 7
    assert len(cluster.settings) == 2


def test_a_hurried_survey_asks_nothing_again() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.answer()
    cluster.turn(STARTS_EVERY_S - 1.0)

    assert len(cluster.starts) == 1


def test_what_never_answers_is_not_waited_for_and_asked_again() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.turn(LOST_S - 1.0)
    assert len(cluster.starts) == 1
    assert cluster.retention.log_starts == {}

    cluster.turn(1.0)

    assert len(cluster.starts) == 2


def test_one_without_an_answer_hides_no_other() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.starts[0][P].set_exception(KafkaException(NO_ANSWER))
    cluster.starts[0][Q].set_result(SimpleNamespace(offset=8))
    cluster.turn(10.0)

    assert cluster.retention.log_starts == {Q: 8}
    assert cluster.starts[-1].keys() == {P, Q}


def test_an_answer_stands_for_a_while_where_no_other_comes() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.answer(5)
    cluster.turn(10.0)
    cluster.turn(STANDS_S - 10.0)
    assert cluster.retention.log_starts == {P: 5, Q: 5}

    cluster.turn(1.0)

    assert cluster.retention.log_starts == {}


def test_whoever_may_not_read_settings_knows_the_rest_and_seldom_asks_again() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.settings[0]["t"].set_exception(KafkaException(NO_RIGHT))
    cluster.answer(5)
    cluster.turn(SETTINGS_EVERY_S)

    assert cluster.retention.kept == {"u": Kept(86_400.0)}
    assert cluster.retention.log_starts == {P: 5, Q: 5}
    assert cluster.settings[-1].keys() == {"u"}
    cluster.answer(5)
    cluster.turn(REFUSED_EVERY_S)
    assert cluster.settings[-1].keys() == {"t", "u"}


def test_a_client_that_can_not_ask_is_asked_again_later() -> None:
    cluster = Cluster()
    cluster.broken = True
    cluster.turn()
    assert cluster.retention.log_starts == {}

    cluster.broken = False
    cluster.turn(10.0)

    assert len(cluster.starts) == 1


def test_what_is_not_owned_is_not_asked_for_and_forgotten() -> None:
    cluster = Cluster()
    cluster.turn()
    cluster.answer()
    cluster.turn(10.0)

    cluster.retention.own(frozenset({P}))
    cluster.turn(10.0)

    assert cluster.retention.log_starts == {P: 5}
    assert cluster.retention.kept.keys() == {"t"}
    cluster.retention.own(frozenset())
    cluster.turn(LOST_S)
    assert len(cluster.starts) == 2


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (_settings(), Kept(86_400.0)),
        (_settings(size=1_000_000), Kept(86_400.0, by_size=True)),
        (_settings(age_ms=-1), Kept(math.inf)),
        (_settings(age_ms=-1, size=1), Kept(math.inf, by_size=True)),
        (_settings("compact", size=1), Kept(math.inf)),
        (_settings("compact,delete"), Kept(86_400.0)),
        ({}, None),
        (_settings() | {"retention.ms": SimpleNamespace(value=None)}, None),
    ],
)
def test_settings_say_how_long_records_are_kept(told: dict[str, Any], kept: Kept | None) -> None:
    assert read_settings(told) == kept
