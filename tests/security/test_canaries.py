"""Secrets and members in nothing that the daemon says, at its most talkative, whatever fails."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.security.echoing import (
    ACCEPTING,
    HOLDING,
    PASSING,
    EchoingBraze,
    EchoingRegistry,
    echo,
)
from tests.support.mock_cluster import Api
from tests.support.processes import wait_until
from tests.support.registry import Serving
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import DaemonProcess
    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage

MEMBER = "canary-member-4711"
# With what JSON, URLs and base64 each spell otherwise.
PARTNER = 'canary-partner/key+1="x"'
IMPORT = 'canary-import/key+1="x"'
PASSWORD = "canary-sasl/password+1"
REGISTRY_PASSWORD = "canary-registry/password+1"
SECRETS = (PARTNER, IMPORT, PASSWORD, REGISTRY_PASSWORD)

# Kafka's codes for what passes by itself, and for a topic that may not be written.
_FAILURES = {Api.OFFSET_COMMIT: [-1, 16], Api.FETCH: [6, 6]}
_LETTER_FAILURES = [7, 6]
_TOPIC_AUTHORIZATION_FAILED = 29


def _spellings(text: str) -> set[str]:
    """Return how a text may stand somewhere: as it is, and encoded, on its own or after more."""
    user = base64.b64encode(f"ann:{text}".encode()).decode()
    plain = base64.b64encode(text.encode()).decode()
    return {text, quote(text, safe=""), json.dumps(text)[1:-1], user, plain, text.encode().hex()}


class _Watched:
    """A daemon at debug level at an echoing Braze and registry."""

    def __init__(self, stage: Stage, mock: MockCluster, braze: EchoingBraze, url: str) -> None:
        self.stage = stage
        self.mock = mock
        self.braze = braze
        framed_topic = mock.create_topic(f"{stage.topic}-framed")
        stage.partner_key.write_text(PARTNER)
        stage.import_key.write_text(IMPORT)
        files = {"sasl": PASSWORD, "registry": REGISTRY_PASSWORD}
        for name, secret in files.items():
            (stage.folder / name).write_text(secret)
        self.framed_topic = framed_topic
        self.daemon: DaemonProcess = stage.start(
            {
                "log.level": "debug",
                "inputs": [{"topic": stage.topic}, {"topic": framed_topic, "encoding": "avro"}],
                "braze.endpoint": braze.url,
                "schema_registry": {
                    "url": url,
                    "username": "ann",
                    "password_file": str(stage.folder / "registry"),
                },
                "kafka.properties.sasl:username": "canary-sasl-user",
                "kafka.properties.sasl:password": {"file": str(stage.folder / "sasl")},
            }
        )

    def deliver(self, member: str) -> None:
        self.stage.produce(add("vip", member, cohort_name="VIPs"), key=member.encode())
        self.wait_accepted(member)

    def wait_accepted(self, member: str) -> None:
        wait_until(f"{member} is accepted", lambda: member in self.braze.accepted)
        assert not self.braze.next


@pytest.fixture
def watched(stage: Stage, mock: MockCluster) -> Iterator[_Watched]:
    registry = EchoingRegistry()
    with EchoingBraze() as braze, Serving(registry):
        yield _Watched(stage, mock, braze, registry.url)


def test_no_failure_shows_a_secret_or_a_member(watched: _Watched) -> None:
    stage, braze, daemon, mock = watched.stage, watched.braze, watched.daemon, watched.mock
    watched.deliver(f"{MEMBER}-first")

    for name, answer in {**PASSING, **ACCEPTING}.items():
        braze.next.append(answer)
        watched.deliver(f"{MEMBER}-{name}")
    for number, (name, (answer, reason)) in enumerate(HOLDING.items()):
        braze.next.append(answer)
        stage.produce(add("vip", f"{MEMBER}-{name}"))
        wait_until("it is answered", lambda: not braze.next)
        if reason:
            daemon.wait_for_reason(reason)
        stage.import_key.write_text(f"{IMPORT}{number}")  # A new key: it tries at once.
        watched.wait_accepted(f"{MEMBER}-{name}")
    braze.next.append(echo("400 Bad Request"))
    stage.produce(add("vip", f"{MEMBER}-refused"))
    wait_until("it is refused", lambda: not braze.next)
    for api, codes in _FAILURES.items():
        mock.fail_next(api, codes)
    mock.fail_topic(stage.letters_topic, _TOPIC_AUTHORIZATION_FAILED)
    stage.produce(f"{MEMBER} is not JSON".encode(), key=MEMBER.encode())
    daemon.wait_for_line("dead_letter_failed")
    # Only now, when nobody but the daemon writes, and one letter: see `fail_next`.
    mock.fail_next(Api.PRODUCE, _LETTER_FAILURES)
    mock.fail_topic(stage.letters_topic, 0)
    stage.letters(1)
    stage.produce(
        f'{{"cohort_id": "vip", "op": "{MEMBER}", "external_id": "{MEMBER}"}}'.encode(),
        f'{{"{MEMBER}": '.encode() * 50,
        add("vip", MEMBER * 100),
        add(MEMBER * 100, "u"),
        add("vip", alias={"name": f"{MEMBER}-alias", "label": MEMBER}),
        add("vip", device_id=f"{MEMBER}-device"),
        remove("vip", f"{MEMBER}-first"),
        key=MEMBER.encode(),
        headers=[(MEMBER, MEMBER.encode())],
    )
    watched.deliver(f"{MEMBER}-last")
    mock.set_down()
    daemon.wait_for_line("kafka_error")
    mock.set_up()
    watched.deliver(f"{MEMBER}-after")
    letters = stage.letters(5)
    pages = [daemon.get(path)[1] for path in ("/", "/status", "/metrics", "/readyz", "/livez")]
    process = [Path(f"/proc/{daemon.pid}/{name}").read_text() for name in ("cmdline", "environ")]
    assert daemon.terminate() == 0

    headers = [str(letter.headers()) for letter in letters]
    said = {"output": daemon.output(), "pages": str(pages), "process": str(process)}
    for where, text in said.items():
        for canary in (*SECRETS, MEMBER):
            assert [form for form in _spellings(canary) if form in text] == [], where
    for canary in SECRETS:  # What a producer wrote into headers is the producer's.
        assert [form for form in _spellings(canary) if form in str(headers)] == []
    assert {line["level"] for line in daemon.log_lines()} >= {"info", "warning", "error"}
