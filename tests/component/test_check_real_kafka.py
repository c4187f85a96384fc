"""What a real Apache Kafka says: how topics are kept, who may read, and who may come in at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from daemon.config.settings import Settings
from daemon.tools.check.finding import Level
from daemon.tools.check.kafka import look
from tests.support.brokers import KafkaServer
from tests.support.configs import load_with
from tests.support.processes import wait_until
from tests.support.stage import add
from tests.support.topics import TIMEOUT_S, create_topic, delete_records, produce, unique

pytestmark = pytest.mark.kafka

_JAAS = (
    'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin"'
    ' password="canary-admin" user_admin="canary-admin" user_reader="canary-reader"'
    ' user_nobody="canary-nobody";'
)
_GUARDED = {
    "listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": _JAAS,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:admin;User:ANONYMOUS",
}


def _login(user: str, password: str | None = None) -> dict[str, str]:
    return {
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "PLAIN",
        "sasl.username": user,
        "sasl.password": password or f"canary-{user}",
    }


@dataclass(frozen=True)
class Guarded:
    """A broker that asks for a password, and lets `reader` read one topic and one group."""

    bootstrap: str
    topic: str = "cohort.membership"
    group: str = "cohortd-acme-prod"

    def settings(self, folder: Path, login: dict[str, str], **kafka: str) -> Settings:
        own = {"bootstrap_servers": self.bootstrap, "properties": login, **kafka}
        return load_with(folder, {f"kafka.{name}": value for name, value in own.items()})

    def prepare(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, **_login("admin")})
        names = (self.topic, "cohort.membership.dlq", "secret.topic")
        for done in admin.create_topics([NewTopic(name, 2, 1) for name in names]).values():
            done.result(TIMEOUT_S)
        rules = [
            _allow(ResourceType.TOPIC, self.topic, AclOperation.READ),
            _allow(ResourceType.TOPIC, "cohort.membership.dlq", AclOperation.DESCRIBE),
            _allow(ResourceType.GROUP, self.group, AclOperation.READ),
        ]
        for ruled in admin.create_acls(rules).values():
            ruled.result(TIMEOUT_S)
        reader = AdminClient({"bootstrap.servers": self.bootstrap, **_login("reader")})
        wait_until("the rules are in force", lambda: self._sees_topics(reader))

    def _sees_topics(self, reader: AdminClient) -> bool:
        known = reader.list_topics(timeout=TIMEOUT_S).topics
        return {self.topic, "cohort.membership.dlq"} <= known.keys()


def _allow(kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return AclBinding(kind, name, literal, "User:reader", "*", operation, allow)


def _own_kafka(folder: Path, settings: dict[str, str]) -> KafkaServer:
    """Return a broker with settings of its own; whoever asks for `kafka` knows that Java is there.

    With a broker given from outside no JVM is started.
    """
    if os.environ.get("COHORTD_TEST_BOOTSTRAP"):
        pytest.skip("needs a broker with settings of its own")
    return KafkaServer(folder, settings)


@pytest.fixture(scope="module")
def guarded(kafka: str, server_folder: Path) -> Iterator[Guarded]:
    with _own_kafka(server_folder / "guarded", _GUARDED) as server:
        broker = Guarded(server.bootstrap)
        broker.prepare()
        yield broker


def _told(settings: Settings) -> tuple[list[str], list[str], str]:
    """Return what is a problem, what is a warning, and all lines as text."""
    findings = [finding for group in look(settings) for finding in group.findings]
    text = "\n".join(f"{finding.level} {finding}" for finding in findings)
    assert "canary" not in text
    problems = [str(finding) for finding in findings if finding.level is Level.PROBLEM]
    warnings = [str(finding) for finding in findings if finding.level is Level.WARNING]
    return problems, warnings, text


def test_says_how_topics_are_kept_and_warns_of_compaction(kafka: str, tmp_path: Path) -> None:
    kept = create_topic(kafka, 2, config={"retention.ms": "86400000"})
    compacted = create_topic(kafka, config={"cleanup.policy": "compact"})
    letters = create_topic(kafka)
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": unique("group"),
            "inputs": [{"topic": kept}, {"topic": compacted}],
            "dead_letter.topic": letters,
        },
    )

    problems, warnings, text = _told(settings)

    assert problems == []
    assert f"topic {kept} has 2 partitions, cleanup.policy=delete, kept 1 d" in text
    assert len(warnings) == 1
    assert f"topic {compacted} is compacted" in warnings[0]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("compact", []),
        ("delete", ["has cleanup.policy=delete, so names in it are forgotten; set cleanup"]),
    ],
)
def test_a_names_topic_is_to_be_compacted(
    kafka: str, tmp_path: Path, policy: str, said: list[str]
) -> None:
    names = create_topic(kafka, config={"cleanup.policy": policy})
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": unique("group"),
            "inputs": [{"topic": create_topic(kafka)}],
            "dead_letter.topic": create_topic(kafka),
            "cohorts.names_topic": names,
        },
    )

    problems, warnings, text = _told(settings)

    assert problems == []
    assert f"topic {names} has 1 partition, cleanup.policy={policy}" in text
    assert len(warnings) == len(said)
    assert all(told in warning for told, warning in zip(said, warnings, strict=True))


def test_says_what_retention_has_taken_and_what_compaction_would(
    kafka: str, tmp_path: Path
) -> None:
    cut = create_topic(kafka, 2, config={"retention.ms": "3600000"})
    compacted = create_topic(kafka, 2, config={"cleanup.policy": "compact"})
    produce(kafka, cut, [add("vip", f"u{number}") for number in range(9)], key=b"vip")
    produce(kafka, compacted, [add("vip", "u1"), add("gold", "u1")], key=b"u1")
    delete_records(kafka, cut, 0, 5)
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": unique("group"),
            "inputs": [{"topic": cut}, {"topic": compacted}],
            "dead_letter.topic": None,
        },
    )

    problems, warnings, _ = _told(settings)

    told = "\n".join(warnings)
    assert f"topic {cut} keeps records 1 h; changes not delivered by then are lost" in told
    assert f"{cut}: the log begins after offset 0 in 1 of 2 partitions (0: 5)" in told
    assert len(problems) == 1
    assert f"{compacted}: is compacted, and 1 key sampled name several members" in problems[0]


def test_a_wrong_password_is_told_from_an_unreachable_broker(
    guarded: Guarded, tmp_path: Path
) -> None:
    problems, _, _ = _told(guarded.settings(tmp_path, _login("reader", "canary-wrong")))

    assert len(problems) == 1
    assert problems[0].startswith(f"kafka.properties.sasl.*: {guarded.bootstrap}: ")
    assert "correct the user, the password" in problems[0]


def test_no_password_where_one_is_asked_for_names_the_security_protocol(
    guarded: Guarded, tmp_path: Path
) -> None:
    problems, _, _ = _told(guarded.settings(tmp_path, {}))

    assert len(problems) == 1
    assert "security.protocol" in problems[0]


def test_rights_that_are_enough_to_read_leave_only_the_dead_letters_to_grant(
    guarded: Guarded, tmp_path: Path
) -> None:
    problems, _, text = _told(guarded.settings(tmp_path, _login("reader")))

    assert problems == [
        "dead_letter.topic: this user may not write topic cohort.membership.dlq; grant Write"
    ]
    assert "inputs[0].topic: topic cohort.membership has 2 partitions" in text


def test_a_user_without_rights_is_told_what_to_grant(guarded: Guarded, tmp_path: Path) -> None:
    problems, _, _ = _told(guarded.settings(tmp_path, _login("nobody")))

    assert [line.partition(":")[0] for line in problems] == [
        "inputs[0].topic",
        "dead_letter.topic",
        "kafka.group_id",
    ]
    assert "grant Describe and Read" in problems[0]
    assert "grant Describe and Write" in problems[1]
    assert "grant Read on the group" in problems[2]
    assert all("does not exist" not in line for line in problems)


def test_a_group_of_others_is_told_although_the_topic_may_be_read(
    guarded: Guarded, tmp_path: Path
) -> None:
    problems, _, _ = _told(guarded.settings(tmp_path, _login("reader"), group_id="not-ours"))

    assert any(line.startswith("kafka.group_id: ") and "not-ours" in line for line in problems)


def test_an_advertised_address_nobody_can_reach_is_told_with_its_broker(
    kafka: str, server_folder: Path, tmp_path: Path
) -> None:
    lost = {"advertised.listeners": "PLAINTEXT://no.such.invalid:9092"}
    with _own_kafka(server_folder / "lost", lost) as server:
        settings = load_with(tmp_path, {"kafka.bootstrap_servers": server.bootstrap})
        problems, _, _ = _told(settings)

    told = [line for line in problems if line.startswith("broker 1: ")]
    assert len(told) == 1
    assert "the cluster says it is at no.such.invalid:9092, which can't be reached" in told[0]
    assert "correct advertised.listeners at the broker" in told[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"delivery.request_timeout": "2s"},
            "ok kafka.group_id: the group's session timeout",
        ),
        ({"delivery.request_timeout": "4s"}, "problem kafka.group_id: the group's session"),
        (
            {"delivery.request_timeout": "4s", "kafka.session_timeout": "15s"},
            "warning kafka.session_timeout: is longer than what is so",
        ),
    ],
)
def test_says_what_lease_the_groups_own_session_leaves(
    kafka: str, tmp_path: Path, changes: dict[str, str], says: str
) -> None:
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": unique("group"),
            "kafka.properties": {"group.protocol": "consumer"},
            "inputs": [{"topic": create_topic(kafka)}],
            "dead_letter.topic": None,
            **changes,
        },
    )

    _, _, text = _told(settings)

    assert says in text


def test_without_the_right_to_see_the_session_it_says_which(
    guarded: Guarded, tmp_path: Path
) -> None:
    newer = {**_login("reader"), "group.protocol": "consumer"}

    problems, _, _ = _told(guarded.settings(tmp_path, newer))

    assert [problem for problem in problems if "grant DescribeConfigs on the group" in problem]
