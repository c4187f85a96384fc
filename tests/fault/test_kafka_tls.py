"""A real broker behind TLS: by a certificate of our own, by a password, and with neither."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.certificates import Authority
from tests.support.stage import add, remove, stage_at
from tests.support.tls_broker import TlsKafka
from tests.support.topics import TIMEOUT_S, admin_of, create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stage import Stage

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates"),
]

PASSWORD = "canary-scram"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsKafka]:
    with TlsKafka(tmp_path_factory.mktemp("broker"), authority) as broker:
        yield broker


@pytest.fixture
def tls_stage(broker: TlsKafka, tmp_path: Path) -> Iterator[Stage]:
    bootstrap = broker.bootstrap

    def create(topic: str, partitions: int) -> str:
        return create_topic(bootstrap, partitions, name=topic)

    with stage_at(bootstrap, tmp_path, create) as stage:
        yield stage


def _trusting(authority: Authority, door: str, protocol: str) -> dict[str, object]:
    return {
        "kafka.bootstrap_servers": door,
        "kafka.properties.security:protocol": protocol,
        "kafka.properties.ssl:ca:location": str(authority.file),
        "kafka.properties.broker:address:family": "v4",
    }


def _delivers(stage: Stage, way_in: dict[str, object]) -> None:
    stage.produce(add("vip", "u1"), add("vip", "u2"), b"no json")

    daemon = stage.start(way_in)

    stage.wait_members(vip={"u1", "u2"})
    stage.letters(1)  # Written through the same door.
    stage.produce(remove("vip", "u1"))
    stage.wait_members(vip={"u2"})
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 4


def test_a_client_certificate_opens_the_door(
    tls_stage: Stage, broker: TlsKafka, authority: Authority
) -> None:
    ours = authority.issue("cohortd")

    _delivers(
        tls_stage,
        {
            **_trusting(authority, broker.mutual, "SSL"),
            "kafka.properties.ssl:certificate:location": str(ours.file),
            "kafka.properties.ssl:key:location": str(ours.key),
        },
    )


def test_a_password_opens_the_door_within_tls(
    tls_stage: Stage, broker: TlsKafka, authority: Authority
) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion("cohortd", info, PASSWORD.encode())
    admin = admin_of(broker.bootstrap)  # Kept until it has answered.
    admin.alter_user_scram_credentials([change])["cohortd"].result(TIMEOUT_S)
    password = tls_stage.folder / "kafka.password"
    password.write_text(PASSWORD)

    _delivers(
        tls_stage,
        {
            **_trusting(authority, broker.password, "SASL_SSL"),
            "kafka.properties.sasl:mechanism": "SCRAM-SHA-512",
            "kafka.properties.sasl:username": "cohortd",
            "kafka.properties.sasl:password": {"file": str(password)},
        },
    )


def test_without_a_certificate_the_door_stays_shut_and_it_says_so(
    tls_stage: Stage, broker: TlsKafka, authority: Authority
) -> None:
    tls_stage.produce(add("vip", "u1"))

    daemon = tls_stage.start(_trusting(authority, broker.mutual, "SSL"))

    daemon.wait_for_line("kafka_error")
    waiting = daemon.wait_for_reason("kafka")
    assert waiting["ready"] is False
    assert waiting["live"] is True
    assert tls_stage.simulator.cohorts() == {}
    assert daemon.terminate() == 0
