"""`kafka.oauth`: what it sets by itself, what it needs, and what may not stand beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.config import oauth
from daemon.config.settings import client_properties, effective
from daemon.tokens.msk import msk_tokens
from daemon.tokens.source import source_in
from tests.support.configs import load_with, problems_with

if TYPE_CHECKING:
    from pathlib import Path

MSK = {"provider": "aws_msk_iam", "region": "eu-west-1"}
CANARY = "canary-token"


def test_a_section_of_two_lines_is_a_whole_login(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path, {"kafka.oauth": MSK, "kafka.bootstrap_servers": "b.example:9098"}
    )

    properties = client_properties(settings, "admin")
    source = properties.pop("oauth_cb")
    assert properties == {
        "bootstrap.servers": "b.example:9098",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
    }
    assert source is msk_tokens("eu-west-1")  # One for all clients of the process.
    assert source_in(client_properties(settings)) is source


def test_what_it_sets_is_shown_with_what_is_in_force(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"kafka.oauth": MSK})

    kafka = effective(settings)["kafka"]
    assert isinstance(kafka, dict)
    assert kafka["oauth"] == MSK
    assert kafka["properties"]["sasl.mechanism"] == "OAUTHBEARER"
    other = load_with(tmp_path, {"kafka.oauth": MSK | {"region": "us-gov-west-1"}})
    assert other.config_hash != settings.config_hash
    assert other.fingerprint == settings.fingerprint


def test_the_environment_may_set_it(tmp_path: Path) -> None:
    environ = {f"COHORTD_KAFKA__OAUTH__{name.upper()}": value for name, value in MSK.items()}

    settings = load_with(tmp_path, {}, environ)

    assert settings.kafka.oauth is not None
    assert settings.kafka.oauth.region == "eu-west-1"
    assert "oauth_cb" in client_properties(settings)


@pytest.mark.parametrize(
    "properties",
    [
        {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"},
        {"sasl.mechanisms": "OAUTHBEARER"},
        {"group.protocol": "consumer", "ssl.ca.location": "/etc/ssl/certs/ca-certificates.crt"},
        None,
    ],
)
def test_these_may_stand_beside_it(tmp_path: Path, properties: dict[str, str] | None) -> None:
    assert problems_with(tmp_path, {"kafka.oauth": MSK, "kafka.properties": properties}) == {}


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("security.protocol", "SASL_PLAINTEXT", "must be SASL_SSL"),
        ("security.protocol", "ssl", "must be SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512", "must be OAUTHBEARER"),
        ("sasl.mechanisms", "PLAIN", "must be OAUTHBEARER"),
        ("sasl.mechanism", "AWS_MSK_IAM", "a mechanism of the Java client"),
        ("sasl.username", CANARY, "stands beside kafka.oauth"),
        ("sasl.password", CANARY, "stands beside kafka.oauth"),
        ("sasl.oauthbearer.method", "oidc", "stands beside kafka.oauth"),
        ("sasl.oauthbearer.client.secret", CANARY, "stands beside kafka.oauth"),
        ("enable.sasl.oauthbearer.unsecure.jwt", "true", "stands beside kafka.oauth"),
    ],
)
def test_another_login_beside_it_is_refused(
    tmp_path: Path, name: str, value: str, part: str
) -> None:
    found = problems_with(tmp_path, {"kafka.oauth": MSK, "kafka.properties": {name: value}})

    assert list(found) == [f"kafka.properties.{name}"]
    assert part in str(found[f"kafka.properties.{name}"])
    assert CANARY not in str(found)


def test_the_java_clients_mechanism_is_answered_with_the_section(tmp_path: Path) -> None:
    changes = {"kafka.properties": {"sasl.mechanism": "AWS_MSK_IAM"}}

    [found] = problems_with(tmp_path, changes).values()

    assert "kafka.oauth" in found.remedy


def test_a_bad_property_and_a_clash_are_told_at_once(tmp_path: Path) -> None:
    properties = {"sasl.password": "x", "fetch.min.bytes": -1}

    found = problems_with(tmp_path, {"kafka.oauth": MSK, "kafka.properties": properties})

    assert set(found) == {"kafka.properties.sasl.password", "kafka.properties.fetch.min.bytes"}


def test_without_the_extra_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "find_spec", lambda _: None)

    [found] = problems_with(tmp_path, {"kafka.oauth": MSK}).values()

    assert found.path == "kafka.oauth"
    assert "pip install 'cohortd[aws]'" in found.remedy
