from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.configs import problems_with

_BAD: list[tuple[str, object, str]] = [
    ("kafka.bootstrap_servers", "", "at least 1"),
    ("kafka.bootstrap_servers", "a b", "HOST:PORT"),
    ("kafka.bootstrap_servers", "a:99999", "HOST:PORT"),
    ("kafka.bootstrap_servers", ["a:1"], "must be text"),
    ("kafka.group_id", "", "at least 1"),
    ("kafka.group_id", " g", "space"),
    ("kafka.group_id", None, "must be text"),
    ("kafka.oauth", {"provider": "aws_msk_iam", "region": "Ireland"}, "no region of AWS"),
    ("kafka.oauth", {"provider": "aws_msk_iam", "region": "eu-west-1\n"}, "no region of AWS"),
    ("kafka.oauth", {"provider": "azure", "region": "eu-west-1"}, "must be one of aws_msk_iam"),
    ("kafka.oauth", {"provider": "aws_msk_iam"}, "the cluster's, like eu-west-1"),
    ("kafka.oauth", {"region": "eu-west-1"}, "aws_msk_iam is the only one"),
    ("kafka.oauth", "aws_msk_iam", "must be a mapping"),
    ("kafka.session_timeout", "45s", "group.protocol=consumer only"),
    ("kafka.session_timeout", "45", "is not a duration"),
    ("kafka.properties", [], "must be a mapping"),
    ("kafka", 5, "must be a mapping"),
    ("inputs", [], "at least 1"),
    ("inputs", "cohort.membership", "must be a list"),
    ("start", "yesterday", "earliest, latest or a time"),
    ("start", "2026-01-31T06:00:00", "without a zone"),
    ("start", "1969-12-31T00:00:00Z", "before 1970"),
    ("start", "0001-01-01T00:00:00+14:00", "no record has"),
    ("start", 5, "earliest, latest or a time"),
    ("schema_registry", {"url": "http://r.example.com"}, "plain http only"),
    ("schema_registry", {"url": "https://r", "username": "u"}, "belong together"),
    ("schema_registry", {"url": "https://r", "key_file": "/dev/null"}, "belong together"),
    (
        "schema_registry",
        {"url": "https://r", "username": "u", "password": "canary", "bearer_token": "canary"},
        "keep one",
    ),
    ("braze.cluster", "US-99", "set braze.endpoint"),
    ("braze.cluster", "us-01", "set braze.endpoint"),
    ("braze.partner", "", "part of Braze's URL"),
    ("braze.partner", "a/b", "part of Braze's URL"),
    ("braze.workspace", "", "at least 1"),
    ("braze.partner", "..", "part of Braze's URL"),
    ("braze.partner", "a%2Fb", "part of Braze's URL"),
    ("braze.partner", 5, "must be text"),
    ("braze.partner", None, "must be text"),
    ("braze.workspace", "a\nb", "line break"),
    ("braze.workspace", "x" * 101, "at most 100"),
    ("braze.partner_api_key", "canary", "keep one"),
    ("braze.partner_api_key_file", "/nonexistent/canar", "the file can't be read"),
    ("braze.data_import_key_file", 5, "path of a file"),
    ("braze.ca_file", "/nonexistent/ca", "can't be read"),
    ("braze.proxy", "proxy:3128", "must begin with"),
    ("braze.proxy", "http://user:canary@proxy:3128", "no user name"),
    ("cohorts.include", "*", "must be a list"),
    ("cohorts.include", [""], "at least 1"),
    ("cohorts.id_prefix", "x" * 129, "at most 128"),
    ("cohorts.announce", "perhaps", "true or false"),
    ("cohorts.overrides", {"": {}}, "1 to 256 bytes"),
    ("cohorts.overrides", {"é" * 129: {}}, "1 to 256 bytes"),
    ("window.max_age", 2, "write a number with its unit"),
    ("window.max_age", "never", "is not a duration"),
    ("window.max_age", "1ms", "from 10ms to 1h"),
    ("window.max_age", "2h", "from 10ms to 1h"),
    ("window.max_changes", 0, "at least 1"),
    ("window.max_changes", 16_001, "at most 16000"),
    ("window.max_changes", 1.5, "whole number"),
    ("window.max_changes", True, "must be a number"),
    ("window.removal_delay", "11m", "must be from 0s to 10m"),
    ("delivery.requests_per_hour", 0, "at least 1"),
    ("delivery.reserve", 1, "at most 0.99"),
    ("delivery.reserve", -0.1, "at least 0"),
    ("delivery.reserve", float("nan"), "finite"),
    ("delivery.max_in_flight", 257, "at most 256, not 257"),
    ("delivery.request_timeout", "50ms", "from 100ms to 5m"),
    ("delivery.settle", "0s", "from 1s to 1h"),
    ("delivery.backoff", 5, "must be a mapping"),
    ("delivery.backoff.initial", "1ms", "from 10ms to 30s"),
    ("delivery.backoff.max", "31s", "from 10ms to 30s"),
    ("delivery.backoff.give_up_after", "no", "neither never nor a duration"),
    ("delivery.backoff.give_up_after", "0s", "from 1s"),
    ("memory.max_pending_changes", 999, "at least 1000"),
    ("dead_letter.topic", "a b", "no topic name"),
    ("dead_letter.topic", "..", "no topic name"),
    ("dead_letter.max_ratio", 0, "greater than 0"),
    ("dead_letter.max_ratio", 1.1, "at most 1"),
    ("shutdown.grace", "500ms", "from 1s to 1h"),
    ("admin.host", "", "name of a host"),
    ("admin.host", "a b", "name of a host"),
    ("admin.port", -1, "at least 0"),
    ("admin.port", 65_536, "at most 65535"),
    ("metrics.max_cohorts", -1, "at least 0"),
    ("metrics.partition_labels", None, "true or false"),
    ("log.level", "loud", "one of debug, info, warning or error"),
    ("log.format", "xml", "one of json or console"),
    ("log.member_ids", "plain", "one of hashed, clear or none"),
    ("log.hash_key_file", "/nonexistent/key", "can't be read"),
]


@pytest.mark.parametrize(("path", "value", "part"), _BAD)
def test_a_bad_value_is_told_in_plain_words(
    tmp_path: Path, path: str, value: object, part: str
) -> None:
    problems = problems_with(tmp_path, {path: value})

    assert any(found.startswith(path) and part in str(problems[found]) for found in problems)
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("kafka.bootstrap_server", "did you mean kafka.bootstrap_servers?"),
        ("kafka.groupid", "did you mean kafka.group_id?"),
        ("delivry", "did you mean delivery?"),
        ("group_id", "did you mean kafka.group_id?"),
        ("delivery.initial", "did you mean delivery.backoff.initial?"),
        ("braze.partner_key", "did you mean braze.partner"),
        ("braze.secret_key_canar", ""),
        ("cohorts.overrides.vip.max_ages", "did you mean cohorts.overrides.vip.max_age?"),
        ("window.zzzz", "known here: max_age, max_changes, removal_delay"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(
    tmp_path: Path, path: str, remedy: str
) -> None:
    problem = problems_with(tmp_path, {path: "canary"})[path]

    assert problem.what == "unknown key"
    assert remedy in problem.remedy


def test_an_unknown_key_of_an_input_is_told_with_its_number(tmp_path: Path) -> None:
    mapping = {"cohort_id": {"colum": "c"}, "external_id": {"column": "e"}}
    debezium = {"topic": "t", "format": "debezium", "mapping": mapping}

    problems = problems_with(tmp_path, {"inputs": [{"topic": "a", "formt": "native"}, debezium]})

    assert problems["inputs[0].formt"].remedy == "did you mean inputs[0].format?"
    assert "cohort_id.column" in problems["inputs[1].mapping.cohort_id.colum"].remedy
