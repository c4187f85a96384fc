from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.environment import is_service_link
from daemon.config.settings import client_properties, load
from tests.support.configs import load_with, problems_with


@pytest.mark.parametrize(
    ("variable", "value", "section", "name", "expected"),
    [
        ("COHORTD_KAFKA__BOOTSTRAP_SERVERS", "b:1", "kafka", "bootstrap_servers", "b:1"),
        ("COHORTD_KAFKA__GROUP_ID", "123", "kafka", "group_id", "123"),
        ("COHORTD_WINDOW__MAX_AGE", "5m", "window", "max_age", 300.0),
        ("COHORTD_DELIVERY__MAX_IN_FLIGHT", "7", "delivery", "max_in_flight", 7),
        ("COHORTD_DELIVERY__RESERVE", "0.25", "delivery", "reserve", 0.25),
        ("COHORTD_COHORTS__ANNOUNCE", "false", "cohorts", "announce", False),
        ("COHORTD_COHORTS__ID_PREFIX", "", "cohorts", "id_prefix", ""),
        ("COHORTD_COHORTS__INCLUDE__0", "vip*", "cohorts", "include", ("vip*",)),
        ("COHORTD_DEAD_LETTER__TOPIC", "", "dead_letter", "topic", None),
        ("COHORTD_ADMIN__PORT", "0", "admin", "port", 0),
        ("COHORTD_LOG__LEVEL", "debug", "log", "level", "debug"),
        ("COHORTD_BRAZE__CLUSTER", "EU-02", "braze", "cluster", "EU-02"),
    ],
)
def test_every_kind_of_scalar_can_be_overridden(
    tmp_path: Path, variable: str, value: str, section: str, name: str, expected: object
) -> None:
    settings = load_with(tmp_path, {}, {variable: value})

    assert getattr(getattr(settings, section), name) == expected


def test_nested_scalars_and_items_can_be_overridden(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {"cohorts.overrides.vip.max_age": "1s"},
        {
            "COHORTD_START": "latest",
            "COHORTD_DELIVERY__BACKOFF__MAX": "3s",
            "COHORTD_INPUTS__0__TOPIC": "other",
            "COHORTD_INPUTS__1__TOPIC": "second",
            "COHORTD_COHORTS__OVERRIDES__VIP__MAX_AGE": "700ms",
        },
    )

    assert settings.start == "latest"
    assert settings.delivery.backoff.max == 3.0
    assert [each.topic for each in settings.inputs] == ["other", "second"]
    assert settings.cohorts.overrides["vip"].max_age == 0.7


def test_a_mapping_alone_is_reached_with_and_without_its_number(tmp_path: Path) -> None:
    mapping = {"cohort_id": {"column": "c"}, "external_id": {"column": "e"}}
    inputs = [{"topic": "t", "format": "debezium", "mapping": mapping}]

    settings = load_with(
        tmp_path,
        {"inputs": inputs},
        {
            "COHORTD_INPUTS__0__MAPPING__0__COHORT_ID__COLUMN": "by_number",
            "COHORTD_INPUTS__0__MAPPING__EXTERNAL_ID__COLUMN": "by_name",
        },
    )

    (found,) = settings.inputs[0].mapping
    assert found.cohort_id.column == ("by_number",)
    assert found.external_id is not None
    assert found.external_id.column == ("by_name",)


def test_under_properties_an_underscore_is_a_dot(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("from-file\n")

    settings = load_with(
        tmp_path,
        {"kafka.properties.sasl:password": "canary-in-yaml"},
        {
            "COHORTD_KAFKA__PROPERTIES__SECURITY_PROTOCOL": "SASL_SSL",
            "COHORTD_KAFKA__PROPERTIES__SASL_MECHANISM": "PLAIN",
            "COHORTD_KAFKA__PROPERTIES__SASL_USERNAME": "cohortd",
            "COHORTD_KAFKA__PROPERTIES__SASL_PASSWORD__FILE": str(password),
        },
    )

    assert client_properties(settings) == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "cohortd",
        "sasl.password": "from-file",
    }


def test_everything_can_come_from_the_environment() -> None:
    settings = load(
        [],
        {
            "COHORTD_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
            "COHORTD_KAFKA__GROUP_ID": "g",
            "COHORTD_INPUTS__0__TOPIC": "t",
            "COHORTD_START": "earliest",
            "COHORTD_BRAZE__ENDPOINT": "http://localhost:8080",
            "COHORTD_BRAZE__PARTNER": "acme",
            "COHORTD_BRAZE__PARTNER_API_KEY": "one",
            "COHORTD_BRAZE__DATA_IMPORT_KEY": "two",
        },
    )

    assert settings.braze_url == "http://localhost:8080"
    assert settings.braze.data_import_key.reveal() == "two"


def test_an_empty_variable_takes_back_what_a_file_says(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {},
        {
            "COHORTD_BRAZE__CLUSTER": "",
            "COHORTD_BRAZE__ENDPOINT": "https://rest.example.com",
            "COHORTD_BRAZE__PARTNER_API_KEY_FILE": "",
            "COHORTD_BRAZE__PARTNER_API_KEY": "literal",
        },
    )

    assert settings.braze_url == "https://rest.example.com"
    assert settings.braze.partner_api_key.reveal() == "literal"


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("COHORTD_KAFKA__GRUOP_ID", "did you mean COHORTD_KAFKA__GROUP_ID?"),
        ("COHORTD_KAFKA_GROUP_ID", "did you mean COHORTD_KAFKA__GROUP_ID?"),
        ("COHORTD_kafka__group_id", "did you mean COHORTD_KAFKA__GROUP_ID?"),
        ("COHORTD_BRAZE__PARTNER_KEY", "did you mean COHORTD_BRAZE__PARTNER"),
        ("COHORTD_ADMIN_PORT", "did you mean COHORTD_ADMIN__PORT?"),
        ("COHORTD_START__X", ""),
        ("COHORTD_KAFKA", "kafka is a section"),
        ("COHORTD_INPUTS", "inputs is a list"),
        ("COHORTD_INPUTS__5__TOPIC", "inputs has 1 items; the next number is 1"),
        ("COHORTD_INPUTS__²__TOPIC", ""),
        ("COHORTD_COHORTS__OVERRIDES__NEW__MAX_AGE", "add it there first"),
        ("COHORTD_KAFKA__PROPERTIES__", ""),
        ("COHORTD_KAFKA__PROPERTIES__A__B", ""),
        ("COHORTD_", ""),
        ("COHORTD_PORT", ""),  # Its value is no link.
    ],
)
def test_a_variable_that_names_no_setting_is_an_error(
    tmp_path: Path, variable: str, remedy: str
) -> None:
    problem = problems_with(tmp_path, {}, {variable: "canary"})[variable]

    assert problem.what == "names no setting"
    assert remedy in problem.remedy


def test_a_bad_value_is_told_with_its_variable(tmp_path: Path) -> None:
    problems = problems_with(
        tmp_path, {}, {"COHORTD_LOG__LEVEL": "canary", "COHORTD_ADMIN__PORT": "a\udcffb"}
    )

    assert "must be one of" in problems["log.level (COHORTD_LOG__LEVEL)"].what
    assert "broken Unicode" in problems["COHORTD_ADMIN__PORT"].what


def test_variables_of_tests_and_of_others_are_ignored(tmp_path: Path) -> None:
    environ = {"COHORTD_TEST_BOOTSTRAP": "x", "COHORTD_TEST_": "", "PATH": "/bin", "COHORTDX": "y"}

    assert problems_with(tmp_path, {}, environ) == {}


@pytest.mark.parametrize(
    ("variable", "value", "is_link"),
    [
        ("COHORTD_PORT", "tcp://10.0.0.1:8080", True),
        ("COHORTD_SERVICE_HOST", "10.0.0.1", True),
        ("COHORTD_SERVICE_HOST", "fd00::1", True),
        ("COHORTD_SERVICE_PORT", "8080", True),
        ("COHORTD_SERVICE_PORT_ADMIN", "8080", True),
        ("COHORTD_SERVICE_PORT_HTTP_ADMIN", "8080", True),
        ("COHORTD_PORT_8080_TCP", "tcp://10.0.0.1:8080", True),
        ("COHORTD_PORT_8080_TCP_ADDR", "10.0.0.1", True),
        ("COHORTD_PORT_8080_TCP_PORT", "8080", True),
        ("COHORTD_PORT_8080_TCP_PROTO", "tcp", True),
        ("COHORTD_PORT_53_UDP", "udp://10.0.0.1:53", True),
        ("COHORTD_METRICS_SERVICE_HOST", "10.0.0.1", True),
        ("COHORTD_PORT", "8080", False),
        ("COHORTD_PORT", "https://x", False),
        ("COHORTD_SERVICE_HOST", "localhost", False),
        ("COHORTD_SERVICE_PORT", "eighty", False),
        ("COHORTD_PORT_8080_TCP_PROTO", "http", False),
        ("COHORTD_PORT_X_TCP", "tcp://10.0.0.1:8080", False),
        ("COHORTD_ADMIN__PORT", "tcp://10.0.0.1:8080", False),
        ("COHORTD_SERVICE_HOSTS", "10.0.0.1", False),
    ],
)
def test_what_kubernetes_injects_is_told_from_a_setting(
    variable: str, value: str, *, is_link: bool
) -> None:
    assert is_service_link(variable, value) is is_link


def test_what_kubernetes_injects_is_let_pass(tmp_path: Path) -> None:
    environ = {"COHORTD_PORT": "tcp://10.0.0.1:8080", "COHORTD_SERVICE_HOST": "10.0.0.1"}

    assert problems_with(tmp_path, {}, environ) == {}
