"""Stages on a mock cluster and on real brokers; a test here is about one row of the faults."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.component.conftest import stage, wide_stage
from tests.integration.conftest import each_stage, real_stage
from tests.support.door import Door
from tests.support.flips import PARTITIONS
from tests.support.secured_broker import SecuredKafka
from tests.support.stage import CONSUMER_PROTOCOL, SHORT, Stage, stage_at
from tests.support.tcp_proxy import TcpProxy
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.brokers import KafkaServer
    from tests.support.kafka_cluster import KafkaCluster

__all__ = ["each_stage", "real_stage", "stage", "wide_stage"]

# What the fleets' tests are made for: a topic wide enough to be shared out.
_WIDE = 12
_TIMINGS = {"classic": SHORT, "consumer": CONSUMER_PROTOCOL}


@pytest.fixture
def newer_stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with one partition, for a group of the newer protocol."""
    with stage_at(kafka, tmp_path, _creator(kafka), timing=CONSUMER_PROTOCOL) as stage:
        yield stage


@pytest.fixture
def wide_stage_of_12(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with twelve partitions, for a group of the classic protocol."""
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=_WIDE) as stage:
        yield stage


@pytest.fixture(params=["classic", "consumer"])
def each_wide_stage(request: pytest.FixtureRequest, kafka: str, tmp_path: Path) -> Iterator[Stage]:
    """Return such a stage for either protocol; a test that asks for it runs twice."""
    timing = _TIMINGS[request.param]
    with stage_at(kafka, tmp_path, _creator(kafka), partitions=_WIDE, timing=timing) as stage:
        yield stage


# Stages whose broker, or the wire to it, may be broken.


@pytest.fixture
def one_stage(kafka_server: KafkaServer, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with four partitions on one broker, which may be killed and restarted."""
    bootstrap = kafka_server.bootstrap
    with stage_at(bootstrap, tmp_path, _creator(bootstrap), partitions=PARTITIONS) as stage:
        yield stage


@pytest.fixture
def proxy(kafka_server: KafkaServer) -> Iterator[TcpProxy]:
    """Return the wire to `one_stage`'s broker, for a daemon that is started behind it."""
    assert kafka_server.proxied is not None
    with TcpProxy(kafka_server.proxied.proxy, kafka_server.proxied.behind) as proxy:
        yield proxy


@pytest.fixture
def three_stage(kafka_three: KafkaCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with four partitions of three replicas each."""
    bootstrap, create = kafka_three.bootstrap, _creator(kafka_three.bootstrap, replicas=3)
    with stage_at(bootstrap, tmp_path, create, partitions=PARTITIONS) as stage:
        yield stage


@pytest.fixture(params=["classic", "consumer"])
def each_three_stage(
    request: pytest.FixtureRequest, kafka_three: KafkaCluster, tmp_path: Path
) -> Iterator[Stage]:
    """Return such a stage for either protocol; a test that asks for it runs twice."""
    timing = _TIMINGS[request.param]
    bootstrap, create = kafka_three.bootstrap, _creator(kafka_three.bootstrap, replicas=3)
    with stage_at(bootstrap, tmp_path, create, partitions=PARTITIONS, timing=timing) as stage:
        yield stage


@pytest.fixture(params=["classic", "consumer"])
def each_wide_three_stage(
    request: pytest.FixtureRequest, kafka_three: KafkaCluster, tmp_path: Path
) -> Iterator[Stage]:
    """Return a stage with twelve such partitions for either protocol, for a fleet."""
    timing = _TIMINGS[request.param]
    bootstrap, create = kafka_three.bootstrap, _creator(kafka_three.bootstrap, replicas=3)
    with stage_at(bootstrap, tmp_path, create, partitions=_WIDE, timing=timing) as stage:
        yield stage


# A broker that asks who comes in, and what he may do.


@pytest.fixture(scope="session")
def secured_kafka(kafka: str, server_folder: Path) -> Iterator[SecuredKafka]:
    """Return a broker of its own; whoever asks for `kafka` knows that Java is there."""
    del kafka
    if os.environ.get("COHORTD_TEST_BOOTSTRAP"):
        pytest.skip("needs a broker with settings of its own")
    with SecuredKafka(server_folder / "secured") as server:
        yield server


@pytest.fixture(params=["classic", "consumer"])
def door(
    request: pytest.FixtureRequest, secured_kafka: SecuredKafka, tmp_path: Path
) -> Iterator[Door]:
    """Return a stage whose daemons need a password and rights, for either protocol."""
    bootstrap, timing = secured_kafka.bootstrap, _TIMINGS[request.param]
    with stage_at(bootstrap, tmp_path, _creator(bootstrap), timing=timing) as stage:
        yield Door(secured_kafka, stage, unique("user"))


def _creator(bootstrap: str, replicas: int = 1) -> Callable[[str, int], str]:
    return lambda topic, partitions: create_topic(
        bootstrap, partitions, name=topic, replicas=replicas
    )
