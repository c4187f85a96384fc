"""A broker that wants tokens of AWS: with credentials, without, and when they come (row 40)."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.certificates import Authority
from tests.support.commands import command
from tests.support.msk_broker import REGION, MskKafka
from tests.support.stage import add, remove, stage_at
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates"),
]


@dataclass
class Cloud:
    """A daemon's surroundings in AWS: who it is stands in a file, which may be missing."""

    stage: Stage
    broker: MskKafka
    authority: Authority

    @property
    def _credentials(self) -> Path:
        return self.stage.folder / "aws.credentials"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "AWS_SHARED_CREDENTIALS_FILE": str(self._credentials),
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def way_in(self) -> dict[str, object]:
        return {
            "kafka.bootstrap_servers": self.broker.iam,
            "kafka.oauth": {"provider": "aws_msk_iam", "region": REGION},
            "kafka.properties.ssl:ca:location": str(self.authority.file),
            "kafka.properties.broker:address:family": "v4",
        }

    def give_credentials(self) -> None:
        self._credentials.write_text(
            "[default]\naws_access_key_id = AKIATEST\naws_secret_access_key = canary-aws\n"
        )

    def start(self, changes: dict[str, object] | None = None) -> DaemonProcess:
        return self.stage.start({**self.way_in, **(changes or {})}, environ=self.environ)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(
    kafka: str, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MskKafka]:
    del kafka  # Whoever asks for it knows that Java is there.
    with MskKafka(tmp_path_factory.mktemp("broker"), authority) as broker:
        yield broker


@pytest.fixture
def cloud(broker: MskKafka, authority: Authority, tmp_path: Path) -> Iterator[Cloud]:
    def create(topic: str, partitions: int) -> str:
        return create_topic(broker.bootstrap, partitions, name=topic)

    with stage_at(broker.bootstrap, tmp_path, create) as stage:
        yield Cloud(stage, broker, authority)


def test_a_token_opens_the_door_and_is_shown_again_while_it_runs(cloud: Cloud) -> None:
    names = create_topic(cloud.broker.bootstrap, 1, name=unique("names"))
    cloud.give_credentials()
    cloud.stage.produce(add("vip", "u1"), add("vip", "u2"), b"no json")

    daemon = cloud.start({"cohorts.names_topic": names})

    daemon.wait_for_line("names_remembered", whole=True)
    cloud.stage.wait_members(vip={"u1", "u2"})
    cloud.stage.letters(1)  # Written through the same door.
    first = float(daemon.status()["uptime_s"])
    daemon.wait_for("the broker asks again", lambda status: status["uptime_s"] > first + 8.0)
    cloud.stage.produce(remove("vip", "u1"))
    cloud.stage.wait_members(vip={"u2"})
    assert not daemon.log_lines("kafka_error")
    assert daemon.terminate() == 0
    assert cloud.stage.committed_offset() == 4


def test_row_40_without_credentials_it_holds_and_goes_on_once_they_are_there(cloud: Cloud) -> None:
    cloud.stage.produce(add("vip", "u1"))
    daemon = cloud.start()

    def told(status: dict[str, Any]) -> bool:
        return any("no credentials" in wait["detail"] for wait in status["waits"])

    status = daemon.wait_for("it says what is missing", told)
    assert status["live"] is True
    assert status["ready"] is False
    assert daemon.get("/livez")[0] == 200
    line = daemon.wait_for_line("kafka_error", code="NO_TOKEN")
    assert "role of AWS" in line["remedy"]

    cloud.give_credentials()

    cloud.stage.wait_members(vip={"u1"}, timeout_s=30.0)
    daemon.wait_until_ready()
    daemon.wait_for_line("kafka_recovered")
    assert daemon.terminate() == 0
    assert cloud.stage.committed_offset() == 1


def test_without_credentials_it_stops_at_once(cloud: Cloud) -> None:
    daemon = cloud.start({"cohorts.names_topic": "names"})
    daemon.wait_for_line("kafka_error", code="NO_TOKEN")

    assert daemon.terminate() == 0
    assert not daemon.log_lines("watchdog_fired")


def test_check_asks_by_the_same_door_and_says_why_it_can_not(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environ.items():
        monkeypatch.setenv(name, value)

    without = command(cloud.stage, "check", "--online", changes=cloud.way_in)

    cloud.give_credentials()
    within = command(cloud.stage, "check", "--online", changes=cloud.way_in)
    assert without.code == 1
    assert "kafka.oauth: no token to log in with: AWS gives this process no credentials" in (
        without.out + without.errors
    )
    assert within.code == 0, within.out + within.errors
