"""Tokens for Amazon MSK: what AWS' own libraries make of the surroundings, without a network."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from daemon.tokens.msk import fetch
from daemon.tokens.source import NoToken

if TYPE_CHECKING:
    from pathlib import Path

KEY = "canary-secret-key"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no credentials of this machine, nor its network, have a say."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "ROLE_ARN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


def _give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-a-role")


def test_a_token_is_a_signed_address_of_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _give(monkeypatch)

    token = fetch("eu-west-1")

    padded = token.value + "=" * (-len(token.value) % 4)
    address = urlsplit(urlsafe_b64decode(padded).decode())
    signed = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.netloc == "kafka.eu-west-1.amazonaws.com"
    assert signed["Action"] == "kafka-cluster:Connect"
    assert signed["X-Amz-Credential"].split("/")[0::2] == ["AKIATEST", "eu-west-1", "aws4_request"]
    assert signed["X-Amz-Security-Token"] == "of-a-role"
    assert token.expires_unix_s == pytest.approx(time.time() + 900, abs=5)


def test_a_file_that_is_written_later_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    with pytest.raises(NoToken, match="no credentials"):
        fetch("eu-west-1")

    file.write_text(f"[default]\naws_access_key_id = A\naws_secret_access_key = {KEY}\n")

    assert fetch("eu-west-1").value


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "AWS gives this process no credentials"),
        ({"AWS_ACCESS_KEY_ID": "AKIATEST"}, "missing: AWS_SECRET_ACCESS_KEY"),
        ({"AWS_PROFILE": "nobody"}, r"profile \(nobody\) could not be found"),
        (
            {
                "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent",
            },
            "No such file or directory: '/nonexistent'",
        ),
        (
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/v1/credentials",
                "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1",
            },
            "Error when retrieving credentials",
        ),
    ],
)
def test_why_there_is_none_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], words: str
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(NoToken, match=words) as found:
        fetch("eu-west-1")

    assert "\n" not in str(found.value)


def test_nothing_that_is_signed_is_logged(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _give(monkeypatch)

    with caplog.at_level(logging.DEBUG):
        fetch("eu-west-1")

    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_the_libraries_of_aws_are_not_imported_for_anybody_else() -> None:
    program = (
        "import sys, daemon.app, daemon.cli;"
        "print([n for n in ('boto3', 'botocore', 'aws_msk_iam_sasl_signer') if n in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
