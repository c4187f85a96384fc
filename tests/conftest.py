"""Fixtures every test folder may ask for. Whoever asks for `kafka` or `connect` is marked so."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.support.brokers import KafkaServer, ProxiedListener
from tests.support.debezium import ChangeCapture, PostgresError
from tests.support.java import JavaError
from tests.support.kafka_cluster import KafkaCluster
from tests.support.members import Cluster
from tests.support.mock_cluster import MockCluster, mock_cluster
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOTSTRAP = "COHORTD_TEST_BOOTSTRAP"
_MARKED_BY = {
    "kafka": "kafka",
    "kafka_server": "kafka",
    "kafka_three": "kafka",
    "connect": "debezium",
}


def pytest_configure() -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and children inherit
    # that; tests interrupt theirs as a person at a terminal does.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # Before `-m` selects.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if marker := _MARKED_BY.get(fixture):
                item.add_marker(marker)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """Leave the log as it was: a simulation silences it for its whole process."""
    before, configured = structlog.get_config(), structlog.is_configured()
    yield
    if configured:
        structlog.configure(**before)
    else:
        structlog.reset_defaults()


def _cannot(what: str, why: Exception) -> None:
    """Skip loudly; in CI a missing server is a failure, since nothing would be tested."""
    text = f"{what} can't be started here, so these tests did not run: {why}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Return a folder any user of this machine can enter, as a server's own user must."""
    folder = Path(tempfile.mkdtemp(prefix="cohortd-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _own_server(server_folder: Path) -> Iterator[KafkaServer | None]:
    if os.environ.get(BOOTSTRAP):
        yield None
        return
    try:
        server = KafkaServer(server_folder / "kafka", proxied=ProxiedListener())
    except JavaError as why:
        _cannot("Apache Kafka", why)
        raise
    with server:
        wait_until("the coordinator answers", lambda: _coordinates(server.bootstrap), 60.0)
        yield server


def _coordinates(bootstrap: str) -> bool:
    """Tell whether groups have a coordinator: a new broker makes one at the first question."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "first", "log_level": 0})
    try:
        consumer.committed([TopicPartition("first", 0)], timeout=5.0)
    except KafkaException:
        return False
    finally:
        consumer.close()
    return True


@pytest.fixture(scope="session")
def kafka(_own_server: KafkaServer | None) -> str:
    """Return the bootstrap servers of a real Apache Kafka; every test brings its own topics."""
    return os.environ[BOOTSTRAP] if _own_server is None else _own_server.bootstrap


@pytest.fixture
def kafka_server(_own_server: KafkaServer | None) -> Iterator[KafkaServer]:
    """Return the broker's process, to freeze, kill and restart it.

    Whatever the test does, it goes on afterwards.
    """
    if _own_server is None:
        pytest.skip(f"the broker of {BOOTSTRAP} is not ours to stop")
    yield _own_server
    if _own_server.runs:
        _own_server.thaw()
    else:
        _own_server.start()


@pytest.fixture(scope="session")
def _three_nodes(server_folder: Path) -> Iterator[KafkaCluster]:
    if os.environ.get(BOOTSTRAP):
        pytest.skip(f"the brokers of {BOOTSTRAP} are not ours to stop")
    try:
        cluster = KafkaCluster(server_folder / "three")
    except JavaError as why:
        _cannot("Apache Kafka", why)
        raise
    with cluster:
        yield cluster


@pytest.fixture
def kafka_three(_three_nodes: KafkaCluster) -> Iterator[KafkaCluster]:
    """Return three nodes, to kill and restart; whatever the test does, all go on afterwards."""
    yield _three_nodes
    _three_nodes.heal()


@pytest.fixture
def mock() -> Iterator[MockCluster]:
    """Return a mock cluster of one broker, for this test alone."""
    with mock_cluster() as cluster:
        yield cluster


@pytest.fixture(
    params=[
        "mock-classic",
        "mock-consumer",
        pytest.param("kafka-classic", marks=pytest.mark.kafka),
        pytest.param("kafka-consumer", marks=pytest.mark.kafka),
    ]
)
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Return a cluster and a group protocol; a test that asks for it runs on all four."""
    kind, _, protocol = str(request.param).partition("-")
    mock = request.getfixturevalue("mock") if kind == "mock" else None
    bootstrap = mock.bootstrap if mock else request.getfixturevalue("kafka")
    cluster = Cluster(bootstrap, protocol, mock)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def connect(kafka: str, server_folder: Path) -> Iterator[ChangeCapture]:
    """Return PostgreSQL and Kafka Connect with Debezium, which writes to `kafka`."""
    try:
        capture = ChangeCapture(server_folder / "capture", kafka)
    except (JavaError, PostgresError) as why:
        _cannot("PostgreSQL and Kafka Connect", why)
        raise
    with capture:
        yield capture
