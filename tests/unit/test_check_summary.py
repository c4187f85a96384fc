from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from daemon.config.settings import load
from daemon.tools.check import run
from daemon.tools.check.summary import configuration_lines, derived_lines
from tests.support.configs import IMPORT_KEY, PARTNER_KEY, load_with


def test_what_is_printed_is_a_configuration_that_means_the_same(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"start": "2026-01-31T06:00:00Z", "window.max_age": "1500ms"})
    printed = tmp_path / "printed.yaml"
    printed.write_text("\n".join([*configuration_lines(settings), *derived_lines(settings)]))

    again = load([printed], {})

    assert again.config_hash == settings.config_hash
    assert yaml.safe_load(printed.read_text())["window"]["max_age"] == "1.5s"


def test_what_follows_from_the_settings_is_told(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {
            "kafka.properties": {"session.timeout.ms": 20_000, "heartbeat.interval.ms": 2_000},
            "delivery": {"settle": "10s", "request_timeout": "5s", "requests_per_hour": 1000},
        },
    )

    text = "\n".join(derived_lines(settings))

    assert "11s; a commit acknowledged" in text  # 20 - 2 - 5 - 2.
    assert "15s; a rebalance waits" in text
    assert "about 30s after a kill" in text
    assert "at most 873 of 1,000 an hour" in text
    assert settings.config_hash in text
    assert settings.fingerprint in text


def test_offline_is_quiet_about_secrets_and_ends_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    literal = {"partner_api_key_file": None, "partner_api_key": PARTNER_KEY}
    password = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"}
    password |= {"sasl.username": "reader", "sasl.password": "canary-password"}
    settings = load_with(tmp_path, {"braze": literal, "kafka.properties": password})

    code = run(settings)

    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.splitlines()[-1] == "configuration: valid"
    assert "canary" not in printed.out + printed.err
    assert IMPORT_KEY not in printed.out
    assert "********" in printed.out


def test_what_only_the_broker_can_tell_is_told_to_be_so(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"kafka.properties": {"group.protocol": "consumer"}})

    text = "\n".join(derived_lines(settings))

    assert "what the group's configuration at the broker leaves" in text
    assert "about the group's session timeout and 30s after a kill" in text
