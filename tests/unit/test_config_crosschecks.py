from __future__ import annotations

from pathlib import Path

import pytest

from daemon.core.lease import lease_length_s
from tests.support.configs import load_with, problems_with

_PROPERTIES = "kafka.properties"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        (
            {_PROPERTIES: {"session.timeout.ms": 15_000}},
            "kafka.properties.session.timeout.ms",
            ["heartbeat.interval.ms 3s", "delivery.request_timeout 10s", "at least 16s"],
        ),
        (
            {_PROPERTIES: {"heartbeat.interval.ms": 32_001}},
            "kafka.properties.session.timeout.ms",
            ["session 45s", "heartbeat.interval.ms 32.001s", "lease of 999ms"],
        ),
        (
            {"delivery.request_timeout": "45s", "shutdown.grace": "1m"},
            "kafka.properties.session.timeout.ms",
            ["lease of -5s", "delivery.request_timeout 45s"],
        ),
        (
            {_PROPERTIES: {"group.protocol": "consumer"}, "kafka.session_timeout": "17s"},
            "kafka.session_timeout",
            ["at least 18s"],
        ),
        (
            {_PROPERTIES: {"max.poll.interval.ms": 40_000, "session.timeout.ms": 39_000}},
            "kafka.properties.max.poll.interval.ms",
            ["delivery.request_timeout 10s", "more than 40s"],
        ),
        (
            {"shutdown.grace": "14s"},
            "shutdown.grace",
            ["delivery.request_timeout 10s", "at least 15s"],
        ),
        (
            {"delivery.backoff": {"initial": "3s", "max": "2s"}},
            "delivery.backoff.initial",
            ["3s", "delivery.backoff.max 2s"],
        ),
        (
            {"delivery.backoff": {"give_up_after": "89s"}},
            "delivery.backoff.give_up_after",
            ["delivery.settle 30s", "at least 90s", "G12"],
        ),
        (
            {"delivery.backoff": {"give_up_after": "1h"}, "dead_letter.topic": None},
            "delivery.backoff.give_up_after",
            ["dead_letter.topic", "G2"],
        ),
        (
            {"memory.max_pending_changes": 19_999},
            "memory.max_pending_changes",
            ["20000 records again", "G5"],
        ),
        (
            {_PROPERTIES: {"reconnect.backoff.max.ms": 20_001}},
            "kafka.properties.reconnect.backoff.max.ms",
            ["20001", "at most 20000", "G10"],
        ),
        (
            {_PROPERTIES: {"topic.metadata.refresh.interval.ms": -1}},
            "kafka.properties.topic.metadata.refresh.interval.ms",
            ["inputs", "G1"],
        ),
        (
            {_PROPERTIES: {"socket.timeout.ms": 5_999, "fetch.wait.max.ms": 5_000}},
            "kafka.properties.socket.timeout.ms",
            ["fetch.wait.max.ms 5000", "at least 6000", "G10"],
        ),
        ({"braze.endpoint": "https://rest.example.com"}, "braze.cluster", ["braze.endpoint"]),
        ({"braze.cluster": None}, "braze", ["neither cluster nor endpoint"]),
        (
            {"inputs": [{"topic": "a"}, {"topic": "b"}, {"topic": "a"}]},
            "inputs[2].topic",
            ["inputs[0]"],
        ),
        (
            {"inputs": [{"topic": "cohorts.a"}, {"pattern": r"^cohorts\..*"}]},
            "inputs[1].pattern",
            ["inputs[0]"],
        ),
        (
            {"inputs": [{"pattern": "^a"}, {"pattern": "^a"}]},
            "inputs[1].pattern",
            ["inputs[0]"],
        ),
        (
            {"inputs": [{"topic": "cohort.membership.dlq"}]},
            "dead_letter.topic",
            ["inputs[0]", "name another topic"],
        ),
        ({"inputs": [{"pattern": "^cohort.*"}]}, "dead_letter.topic", ["narrow the input"]),
    ],
)
def test_a_rule_between_settings_names_both(
    tmp_path: Path, changes: dict[str, object], path: str, words: list[str]
) -> None:
    problems = problems_with(tmp_path, changes)

    assert problems.keys() == {path}
    assert all(word in str(problems[path]) for word in words), str(problems[path])


@pytest.mark.parametrize(
    "changes",
    [
        {_PROPERTIES: {"session.timeout.ms": 16_000}},
        {_PROPERTIES: {"max.poll.interval.ms": 45_000}},
        {"shutdown.grace": "15s"},
        {"delivery.backoff": {"initial": "2s", "max": "2s"}},
        {_PROPERTIES: {"group.protocol": "consumer"}},
        {_PROPERTIES: {"group.protocol": "consumer"}, "kafka.session_timeout": "18s"},
        {"inputs": [{"topic": "a"}, {"pattern": "^b"}]},
        {"inputs": [{"pattern": "^cohort.*"}], "dead_letter.topic": None},
        {"inputs": [{"pattern": "^cohort.membership"}]},
        {"delivery": {"settle": "1s", "request_timeout": "10s"}},
        {"delivery.backoff": {"give_up_after": "90s"}},
        {"dead_letter.topic": None},
        {"delivery": {"requests_per_hour": 1, "max_in_flight": 24}},
        {"memory.max_pending_changes": 20_000},
        {_PROPERTIES: {"reconnect.backoff.max.ms": 20_000, "fetch.wait.max.ms": 20_000}},
        {_PROPERTIES: {"socket.timeout.ms": 6_000, "fetch.wait.max.ms": 5_000}},
    ],
)
def test_the_edge_of_a_rule_is_still_good(tmp_path: Path, changes: dict[str, object]) -> None:
    assert problems_with(tmp_path, changes) == {}


def test_a_rule_does_not_speak_where_a_value_is_bad(tmp_path: Path) -> None:
    problems = problems_with(
        tmp_path, {"delivery.request_timeout": "canary", "shutdown.grace": "1s"}
    )

    assert problems.keys() == {"delivery.request_timeout"}


def test_times_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "session").write_text("20000\n")

    settings = load_with(
        tmp_path, {_PROPERTIES: {"session.timeout.ms": {"file": str(tmp_path / "session")}}}
    )

    assert settings.lease_s == 5.0


def test_the_lease_is_what_is_left_of_the_session(tmp_path: Path) -> None:
    assert load_with(tmp_path, {}).lease_s == 30.0
    assert lease_length_s(6, 0.5, 2) == 1.5


def test_under_the_consumer_protocol_the_broker_knows_the_session(tmp_path: Path) -> None:
    properties = {_PROPERTIES: {"group.protocol": "consumer"}}

    assert load_with(tmp_path, properties).lease_s is None
    assert load_with(tmp_path, {**properties, "kafka.session_timeout": "30s"}).lease_s == 13.0
