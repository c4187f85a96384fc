from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.config.settings import Settings, client_properties, effective, load
from daemon.errors import SettingsError
from tests.support.configs import IMPORT_KEY, PARTNER_KEY, load_with, problems_with

DEFAULTS = {
    "cohorts": {
        "include": ["*"],
        "exclude": [],
        "id_prefix": "",
        "announce": True,
        "names_topic": None,
        "max_active": 200_000,
        "overrides": {},
    },
    "window": {"max_age": "2s", "max_changes": 1000, "removal_delay": "0s"},
    "delivery": {
        "requests_per_hour": 250_000,
        "reserve": 0.1,
        "max_in_flight": 24,
        "request_timeout": "10s",
        "settle": "30s",
        "backoff": {"initial": "500ms", "max": "20s", "give_up_after": "never"},
    },
    "memory": {"max_pending_changes": 1_000_000},
    "dead_letter": {"topic": "cohort.membership.dlq", "max_ratio": 0.5},
    "shutdown": {"grace": "30s"},
    "admin": {"host": "0.0.0.0", "port": 8080},
    "metrics": {"max_cohorts": 200, "partition_labels": True},
    "log": {"level": "info", "format": "json", "member_ids": "hashed", "hash_key_file": None},
    "schema_registry": None,
}


def test_the_smallest_file_has_the_contracts_defaults(tmp_path: Path) -> None:
    shown = effective(load_with(tmp_path, {}))

    assert {name: shown[name] for name in DEFAULTS} == DEFAULTS
    assert shown["braze"]["workspace"] == "acme"  # type: ignore[index]


def test_every_setting_reaches_its_place_in_seconds(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {
            "window.max_age": "500ms",
            "delivery.backoff.give_up_after": "1h",
            "cohorts.overrides": {"vip": {"name": "VIP customers", "max_age": "5m"}},
            "braze.workspace": "acme-prod",
            "dead_letter.topic": "other.dlq",
        },
    )

    assert settings.window.max_age == 0.5
    assert settings.delivery.backoff.give_up_after == 3600
    assert settings.cohorts.overrides["vip"].max_age == 300
    assert settings.cohorts.overrides["vip"].name == "VIP customers"
    assert settings.braze.workspace == "acme-prod"
    assert settings.dead_letter.topic == "other.dlq"
    assert math.isinf(load_with(tmp_path, {}).delivery.backoff.give_up_after)


def test_the_short_times_of_a_demonstration_are_valid(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {
            "kafka.properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
            "delivery": {"request_timeout": "2s", "settle": "2s"},
            "shutdown.grace": "10s",
        },
    )

    assert settings.lease_s == 1.5
    assert settings.revoke_deadline_s == 12


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("earliest", "earliest"),
        ("latest", "latest"),
        ("2026-01-31T06:00:00Z", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31T07:00:00+01:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31 06:00:00Z", datetime(2026, 1, 31, 6, tzinfo=UTC)),
    ],
)
def test_start_is_a_word_or_a_time_in_utc(tmp_path: Path, text: str, start: str | datetime) -> None:
    assert load_with(tmp_path, {"start": text}).start == start


def test_everything_missing_is_told_with_what_to_do() -> None:
    with pytest.raises(SettingsError) as caught:
        load([], {})

    problems = {problem.path: problem for problem in caught.value.problems}
    assert problems.keys() == {"kafka", "inputs", "start", "braze"}
    assert all(problem.what == "is missing" and problem.remedy for problem in problems.values())


def test_missing_keys_of_a_section_are_told_one_by_one(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(
        "kafka: {group_id: g}\ninputs: [{topic: t}]\nstart: latest\nbraze: {ca_file: null}\n"
    )

    with pytest.raises(SettingsError) as caught:
        load([file], {})

    assert {problem.path for problem in caught.value.problems} == {
        "kafka.bootstrap_servers",
        "braze",
        "braze.partner",
        "braze.partner_api_key",
        "braze.data_import_key",
    }


def test_every_problem_of_every_kind_is_told_at_once(tmp_path: Path) -> None:
    problems = problems_with(
        tmp_path,
        {
            "kafka.properties": {"group.id": "x"},
            "window.max_age": 2,
            "delivery.request_timeout": "27s",
            "delivery.max_in_flight": 0,
            "log.levl": "info",
            "braze.endpoint": "http://rest.example.com",
        },
        {"COHORTD_NOPE": "1"},
    )

    assert problems.keys() == {
        "COHORTD_NOPE",
        "kafka.properties.group.id",
        "window.max_age",
        "delivery.max_in_flight",
        "shutdown.grace",
        "log.levl",
        "braze.endpoint",
        "braze.cluster",
    }


def test_a_section_whose_lines_are_comments_has_its_defaults(tmp_path: Path) -> None:
    assert load_with(tmp_path, {"window": None}).window.max_age == 2


def test_later_files_win_and_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    load_with(tmp_path, {})
    above = tmp_path / "above.yaml"
    above.write_text("window: {max_age: 3s}\ninputs: [{topic: other}]\n")

    settings = load([tmp_path / "config.yaml", above], {})
    with pytest.raises(SettingsError) as caught:
        load([tmp_path / "config.yaml", tmp_path / "absent.yaml", tmp_path / "gone.yaml"], {})

    assert settings.window.max_age == 3
    assert settings.window.max_changes == 1000
    assert [each.topic for each in settings.inputs] == ["other"]
    assert len(caught.value.problems) == 2


def test_no_way_of_showing_the_settings_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "hash").write_text("canary-hash")
    settings = load_with(
        tmp_path,
        {
            "log.hash_key_file": str(tmp_path / "hash"),
            "kafka.properties": {"sasl.password": "canary-sasl", "ssl.key.password": "canary-ssl"},
        },
    )

    for shown in (
        repr(settings),
        str(settings),
        json.dumps(effective(settings)),
        settings.model_dump_json(),
    ):
        assert "canary" not in shown
    assert [secret.reveal() for secret in settings.secrets()] == [
        PARTNER_KEY,
        IMPORT_KEY,
        "canary-hash",
        "canary-sasl",
        "canary-ssl",
    ]
    assert settings.log.hash_key is settings.secrets()[2]


def test_a_rotated_key_is_seen_through_the_settings(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {})

    (tmp_path / "import").write_text("rotated")

    assert [secret.refresh() for secret in settings.secrets()] == [False, True]
    assert settings.braze.data_import_key.reveal() == "rotated"


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {})

    with pytest.raises(ValidationError):
        settings.window.max_age = 5.0  # type: ignore[misc]  # The point of the test.


def test_the_effective_configuration_can_be_loaded_again(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path, {"delivery.backoff.give_up_after": "90s", "start": "2026-01-31T06:00:00Z"}
    )
    again = tmp_path / "again.yaml"
    again.write_text(json.dumps(effective(settings)))

    assert effective(load([again], {})) == effective(settings)


def test_the_hash_follows_the_configuration_and_not_the_secrets(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {})
    first = settings.config_hash

    (tmp_path / "import").write_text("rotated")
    settings.braze.data_import_key.refresh()

    assert len(first) == 12
    assert int(first, 16) >= 0
    assert settings.config_hash == first
    assert load_with(tmp_path, {"window.max_age": "2000ms"}).config_hash != ""
    (tmp_path / "import").write_text(IMPORT_KEY)
    assert load_with(tmp_path, {"window.max_age": "2000ms"}).config_hash == first
    assert load_with(tmp_path, {"window.max_age": "3s"}).config_hash != first


def test_the_fingerprint_is_the_destination_however_it_is_written(tmp_path: Path) -> None:
    base = load_with(tmp_path, {}).fingerprint
    same = {"braze.cluster": None, "braze.endpoint": "HTTPS://REST.iad-01.braze.com:443/"}

    assert len(base) == 8
    assert load_with(tmp_path, same).fingerprint == base
    assert load_with(tmp_path, {"window.max_age": "3s"}).fingerprint == base
    assert load_with(tmp_path, {"braze.workspace": "acme"}).fingerprint == base


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("braze.cluster", "US-02"),
        ("braze.partner", "acme2"),
        ("braze.workspace", "acme-prod"),
        ("cohorts.id_prefix", "x-"),
    ],
)
def test_another_destination_has_another_fingerprint(tmp_path: Path, path: str, value: str) -> None:
    assert load_with(tmp_path, {path: value}).fingerprint != load_with(tmp_path, {}).fingerprint


def test_client_properties_fit_the_role(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path, {"kafka.properties": {"session.timeout.ms": 50_000, "client.id": "me"}}
    )
    common = {"bootstrap.servers": "localhost:9092", "client.id": "me"}

    assert client_properties(settings) == {**common, "session.timeout.ms": "50000"}
    assert client_properties(settings, "producer") == common
    assert client_properties(settings, "admin") == common


def test_the_selection_follows_the_globs(tmp_path: Path) -> None:
    selection = load_with(tmp_path, {"cohorts.exclude": ["test-*"]}).selection()

    assert selection.cohort_selected("vip")
    assert not selection.cohort_selected("test-1")


def test_the_schema_of_the_configuration_has_every_section_and_no_secret() -> None:
    schema = Settings.model_json_schema()

    assert schema["properties"].keys() == Settings.model_fields.keys()
    assert schema["additionalProperties"] is False
    assert json.dumps(schema)
