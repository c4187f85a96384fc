"""`cohortd init` on the mock cluster: what it prints is a configuration once it is filled in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from daemon.config.settings import load
from daemon.tools.init.guess import CHANGE_ME
from tests.support.processes import free_port
from tests.support.topics import unique

if TYPE_CHECKING:
    from tests.support.mock_cluster import MockCluster

CASES: dict[str, list[tuple[bytes | None, bytes | None]]] = {
    "native": [(b'"u1"', b'{"cohort_id": "canary-c", "op": "add", "external_id": "canary-u"}')],
    "debezium": [
        (
            b'{"cohort_id": "c", "user_id": "u"}',
            b'{"op": "c", "after": {"cohort_id": "c", "user_id": "u", "status": "active"}}',
        )
    ],
    "rows": [(b'"u1"', b'{"segment": "canary-c", "user_id": "canary-u", "action": "insert"}')],
    "preset": [
        (b'"u1"', b'{"METADATA$ACTION": "INSERT", "METADATA$ISUPDATE": false, "COHORT": "c"}')
    ],
    "upsert": [(b"canary-user", b'{"since": 1}'), (b"canary-user", None)],
    "unknown": [(None, b'{"foo": "canary"}')],
}


def topic_with(mock: MockCluster, records: list[tuple[bytes | None, bytes | None]]) -> str:
    topic = mock.create_topic(unique("topic"))
    producer = Producer({"bootstrap.servers": mock.bootstrap, "log_level": 0})
    for key, value in records:
        producer.produce(topic, value, key)
    assert producer.flush(15) == 0
    return topic


def init(*words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "init", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def filled(text: str, folder: Path) -> Path:
    """Fill in what is marked, as a person does."""
    for name in ("partner_api_key", "data_import_key"):
        (folder / name).write_text("secret")
        text = text.replace(f"/run/secrets/{name}", str(folder / name))
    text = text.replace(f"cluster: {CHANGE_ME}", "cluster: US-01")
    file = folder / "starter.yaml"
    file.write_text(text.replace(CHANGE_ME, "filled_in"))
    return file


@pytest.mark.parametrize("case", CASES)
def test_a_starter_passes_the_check_once_it_is_filled_in(
    case: str, mock: MockCluster, tmp_path: Path
) -> None:
    topic = topic_with(mock, CASES[case])

    code, printed, errors = init("--bootstrap", mock.bootstrap, "--topic", topic)

    assert code == 0, errors
    file = filled(printed, tmp_path)
    checked = subprocess.run(
        [sys.executable, "-m", "daemon", "check", "-c", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert load([file], {}).inputs[0].topic == topic


def test_what_the_guess_makes_of_the_sample_is_said(mock: MockCluster) -> None:
    topic = topic_with(mock, [*CASES["native"] * 3, (None, b"{}")])

    _, printed, _ = init("--bootstrap", mock.bootstrap, "--topic", topic)

    assert "#   4 records would become 3 changes, 1 rejected (unknown_op)" in printed


def test_properties_go_into_the_file_and_secrets_by_their_files(
    mock: MockCluster, tmp_path: Path
) -> None:
    secret = tmp_path / "password"
    secret.write_text("canary-password")
    topic = topic_with(mock, CASES["native"])
    words = ["--property", "client.id=me", "--property", f"sasl.password=@{secret}"]

    _, printed, errors = init("--bootstrap", mock.bootstrap, "--topic", topic, *words)

    assert "client.id: me" in printed, errors
    assert f"file: {secret}" in printed


def test_what_can_not_be_meant_is_usage_and_what_is_not_there_a_failure(mock: MockCluster) -> None:
    empty = mock.create_topic(unique("topic"))

    wrong = init("--bootstrap", mock.bootstrap, "--topic", empty, "--property", "nonsense")
    nothing = init("--bootstrap", mock.bootstrap, "--topic", empty)
    nowhere = init("--bootstrap", f"127.0.0.1:{free_port()}", "--topic", "t")

    assert (wrong[0], nothing[0], nowhere[0]) == (2, 1, 1)
    assert "no records to guess from" in nothing[2]
    assert len(nowhere[2].splitlines()) == 1
