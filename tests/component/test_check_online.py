"""`check --online` against librdkafka's mock cluster and the simulator: what a person is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from daemon.core.intent import Mark
from daemon.kafka.client_config import client_log
from daemon.tools.check import kafka, run
from daemon.tools.check.finding import Group
from daemon.tools.simulator import SimulatorThread
from tests.support.configs import load_with
from tests.support.mock_cluster import MockCluster
from tests.support.processes import free_port
from tests.support.topics import produce

TOPIC, LETTERS, GROUP = "cohort.membership", "cohort.membership.dlq", "cohortd-acme-prod"


class Checking:
    """A cluster, a simulator and a configuration for both; `says` checks it."""

    def __init__(
        self, mock: MockCluster, folder: Path, captured: pytest.CaptureFixture[str]
    ) -> None:
        self.mock = mock
        self.braze = SimulatorThread().start()
        self._folder = folder
        self._captured = captured

    def says(self, expected: int, **changes: object) -> list[str]:
        """Check online; return the findings, having seen the code, and that nothing leaked."""
        usual = {
            "kafka.bootstrap_servers": self.mock.bootstrap,
            "braze.cluster": None,
            "braze.endpoint": self.braze.url,
            "delivery.request_timeout": "2s",
        }
        named = {name.replace("__", "."): value for name, value in changes.items()}
        settings = load_with(self._folder, {**usual, **named})
        self._captured.readouterr()

        code = run(settings, online=True)

        printed = self._captured.readouterr()
        assert "canary" not in printed.out + printed.err
        assert "Traceback" not in printed.out + printed.err
        lines = printed.out.partition("configuration: valid\n")[2].splitlines()
        assert code == expected, lines
        assert lines[-1].startswith("check: ")
        return lines

    def make_topics(self, partitions: int = 1) -> None:
        self.mock.create_topic(TOPIC, partitions)
        self.mock.create_topic(LETTERS)

    def commit(self, offset: int, metadata: str) -> None:
        client = Consumer(
            {"bootstrap.servers": self.mock.bootstrap, "group.id": GROUP}, logger=client_log
        )
        place = TopicPartition(TOPIC, 0, offset, metadata)
        client.commit(offsets=[place], asynchronous=False)
        client.close()


@pytest.fixture
def checking(
    mock: MockCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Checking]:
    found = Checking(mock, tmp_path, capsys)
    yield found
    found.braze.stop()


def level(lines: list[str], word: str) -> list[str]:
    return [line[11:] for line in lines if line.startswith(f"  {word} ")]


def event(member: str, op: str = "add") -> bytes:
    return json.dumps({"cohort_id": "vip", "op": op, "external_id": member}).encode()


def test_all_is_well_and_nothing_is_changed(checking: Checking) -> None:
    checking.make_topics(2)
    produce(checking.mock.bootstrap, TOPIC, [event("tell-tale-1"), event("tell-tale-2", "remove")])

    lines = checking.says(0)

    assert level(lines, "problem") == []
    (told,) = level(lines, "warning")
    assert told.startswith(f"{TOPIC}: 2 records without a key, in 2 partitions; key the topic by")
    assert "kafka.bootstrap_servers: reached 1 broker" in level(lines, "ok")
    assert f"inputs[0].topic: topic {TOPIC} has 2 partitions" in level(lines, "ok")
    assert f"{TOPIC}: cohort vip: 1 add, 1 removal" in level(lines, "ok")
    assert "braze: both keys are taken (HTTP 201 to an empty list)" in level(lines, "ok")
    assert "tell-tale" not in "".join(lines)
    assert checking.braze.cohorts() == {}
    assert checking.braze.history() == ()


def test_the_check_joins_no_group_and_commits_nothing(checking: Checking) -> None:
    checking.make_topics()
    produce(checking.mock.bootstrap, TOPIC, [event("1")])

    checking.says(0)
    lines = checking.says(0)

    assert any("no offsets yet" in line and "start: earliest" in line for line in lines)
    assert not any("in the group now" in line for line in lines)


def test_the_newer_group_protocol_is_asked_the_same(checking: Checking) -> None:
    checking.make_topics()
    produce(checking.mock.bootstrap, TOPIC, [event("1")])
    protocol = {"group.protocol": "consumer"}

    lines = checking.says(0, kafka__properties=protocol, kafka__session_timeout="45s")

    assert f"{TOPIC}: cohort vip: 1 add, 0 removals" in level(lines, "ok")
    assert not any("in the group now" in line for line in lines)


def test_records_of_a_table_are_sampled_through_the_mapping(checking: Checking) -> None:
    checking.make_topics()
    row = {"user_id": 17, "cohort": "vip", "status": "active"}
    change = {"op": "c", "before": None, "after": row, "source": {"ts_ms": 1}}
    produce(checking.mock.bootstrap, TOPIC, [json.dumps(change).encode()], key=b'{"id":17}')
    mapping = {
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "user_id"},
        "member_when": {"column": "status", "in": ["active"]},
    }

    lines = checking.says(0, inputs=[{"topic": TOPIC, "format": "debezium", "mapping": mapping}])

    assert f"{TOPIC}: cohort vip: 1 add, 0 removals" in level(lines, "ok")
    assert f"{TOPIC}: the shape of the ids: 1 external_id digits" in level(lines, "note")


def test_topics_that_do_not_exist_are_named_with_their_settings(checking: Checking) -> None:
    lines = checking.says(1)

    topic, letters = level(lines, "problem")
    assert topic == (
        f"inputs[0].topic: topic {TOPIC} does not exist; create it, or correct inputs[0].topic"
    )
    assert letters.startswith(f"dead_letter.topic: topic {LETTERS} does not exist; create it, or")
    assert lines[-1] == "check: 2 problems, no warning"


def test_the_names_topic_is_looked_at_too(checking: Checking) -> None:
    checking.make_topics()

    missing = checking.says(1, cohorts__names_topic="names")
    checking.mock.create_topic("names")
    found = checking.says(0, cohorts__names_topic="names")

    (told,) = level(missing, "problem")
    assert told == (
        "cohorts.names_topic: topic names does not exist; create it with cleanup.policy=compact,"
        " or remove the setting"
    )
    assert "cohorts.names_topic: topic names has 1 partition" in level(found, "ok")


def test_a_pattern_that_matches_nothing_yet_is_only_noted(checking: Checking) -> None:
    checking.make_topics()

    lines = checking.says(0, inputs=[{"pattern": r"^none\..*"}], dead_letter__topic=None)

    assert any(line.startswith("inputs[0].pattern: ^none") for line in level(lines, "note"))
    assert any(line.startswith("dead_letter.topic: is null") for line in level(lines, "note"))


def test_a_topic_two_patterns_match_is_a_problem(checking: Checking) -> None:
    checking.make_topics()
    inputs = [{"pattern": "^cohort.membership$"}, {"pattern": "^cohort.mem[a-z]+$"}]

    lines = checking.says(1, inputs=inputs)

    (told,) = level(lines, "problem")
    assert told.startswith(f"inputs[1].pattern: matches {TOPIC}, which inputs[0].pattern takes")


def test_a_topic_we_may_not_see_is_told_from_a_missing_one(checking: Checking) -> None:
    checking.make_topics()
    checking.mock.fail_topic(TOPIC, 29)  # TOPIC_AUTHORIZATION_FAILED

    lines = checking.says(1)

    (told,) = level(lines, "problem")
    assert told == (
        f"inputs[0].topic: this user may not see topic {TOPIC}; grant Describe and Read on it"
    )


def test_a_broker_that_is_not_there_is_one_line_and_braze_is_told_all_the_same(
    checking: Checking,
) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    lines = checking.says(1, kafka__bootstrap_servers=nobody)

    (told,) = level(lines, "problem")
    assert told.startswith(
        f"kafka.bootstrap_servers: {nobody} can't be reached: Connection refused; correct the"
    )
    assert any("both keys are taken" in line for line in lines)


def test_a_name_that_does_not_resolve_is_told_from_a_closed_port(checking: Checking) -> None:
    lines = checking.says(1, kafka__bootstrap_servers="no.such.invalid:9092")

    (told,) = level(lines, "problem")
    assert told.startswith("kafka.bootstrap_servers: no.such.invalid:9092 can't be reached: ")
    assert "refused" not in told


def test_tls_against_a_port_without_it_names_the_security_protocol(checking: Checking) -> None:
    lines = checking.says(1, kafka__properties={"security.protocol": "ssl"})

    (told,) = level(lines, "problem")
    assert told.startswith("kafka.properties.security.protocol: ")


def test_a_group_of_another_workspace_is_a_problem_with_both_ways_out(checking: Checking) -> None:
    checking.make_topics()
    produce(checking.mock.bootstrap, TOPIC, [event("1"), event("2")])
    checking.commit(1, Mark(2, True, "", "0badcafe").encode())

    lines = checking.says(1)

    (told,) = level(lines, "problem")
    assert "fingerprint 0badcafe" in told
    assert "choose another kafka.group_id" in told
    assert "cohortd offsets adopt" in told


def test_where_a_group_goes_on_and_whose_offsets_they_are_is_told(checking: Checking) -> None:
    checking.make_topics()
    produce(checking.mock.bootstrap, TOPIC, [event("1"), event("2"), event("3")])
    checking.commit(1, "")

    lines = checking.says(0)

    assert "kafka.group_id: goes on in 1 partition, about 2 records behind" in level(lines, "ok")
    assert any("were not committed by cohortd" in line for line in level(lines, "warning"))


def test_a_lost_position_is_told_before_the_daemon_parks_it(checking: Checking) -> None:
    checking.make_topics()
    produce(checking.mock.bootstrap, TOPIC, [event(str(number)) for number in range(5)])
    checking.commit(1, "")
    checking.mock.delete_records(TOPIC, 0, 3)

    lines = checking.says(1)

    (told,) = level(lines, "problem")
    assert f"lost in {TOPIC}:0 (offset 1, the log has 3 to 5)" in told


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"partner_api_keys": ["other"]}, "braze.partner_api_key_file: Braze refuses"),
        ({"client_secrets": ["other"]}, "braze.data_import_key_file: Braze refuses"),
        ({"partner_enabled": False}, "braze.partner: Braze says that partner acme is not enabled"),
    ],
)
def test_each_refused_key_has_its_own_next_step(
    checking: Checking, keys: dict[str, object], where: str
) -> None:
    checking.make_topics()
    checking.braze.set_keys(**keys)  # type: ignore[arg-type]

    lines = checking.says(1)

    (told,) = level(lines, "problem")
    assert told.startswith(where)
    assert "HTTP 401" in told


def test_a_braze_that_never_answers_is_given_up_in_time(checking: Checking) -> None:
    checking.make_topics()
    checking.braze.set_faults("hang")

    lines = checking.says(1, delivery__request_timeout="500ms")

    (told,) = level(lines, "problem")
    assert told.startswith("braze.endpoint: gave no whole answer within 500ms")


def test_a_fault_of_the_check_itself_shows_neither_traceback_nor_what_it_read(
    checking: Checking, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking.make_topics()

    def fail(settings: object) -> list[Group]:
        raise ValueError("tell-tale")

    monkeypatch.setattr(kafka, "look", fail)

    lines = checking.says(1)

    assert level(lines, "problem") == [
        "Kafka: the check itself failed (ValueError); please report this fault"
    ]
    assert any("both keys are taken" in line for line in lines)
