"""`cohortd offsets` run on a stage's configuration, as a person runs it without a terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from daemon.config.settings import Settings, load
from tests.support import topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.stage import Stage


@dataclass(frozen=True)
class Said:
    """How the command ended, and what it said where."""

    code: int
    out: str
    errors: str

    def row(self, partition: int = 0) -> list[str]:
        """Return the words of a partition's line of `show`."""
        lines = [line.split() for line in self.out.splitlines()]
        return next(words for words in lines if words and words[0].endswith(f":{partition}"))


def offsets(
    stage: Stage, *words: str, changes: Mapping[str, object] | None = None, answer: str = ""
) -> Said:
    """Run the command to its end; no traceback and no secret is in what it says.

    With an answer, stdin is a terminal where a person has typed it.
    """
    file = stage.folder / "offsets.yaml"
    file.write_text(yaml.safe_dump(stage.config(changes)))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COHORTD_")}
    with _stdin(answer) as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "offsets", "-c", str(file), *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=stdin,
            env={**kept, "NO_COLOR": "1", "COLUMNS": "200"},
        )
    assert "Traceback" not in done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _stdin(answer: str) -> Iterator[int]:
    if not answer:
        yield subprocess.DEVNULL
        return
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        yield terminal
    finally:
        os.close(keyboard)
        os.close(terminal)


def settings_of(stage: Stage) -> Settings:
    """Return the stage's configuration as the command reads it."""
    file = stage.folder / "settings.yaml"
    file.write_text(yaml.safe_dump(stage.config()))
    return load([file], {})


def fingerprint_of(stage: Stage) -> str:
    """Return what the stage's own commits belong to."""
    return settings_of(stage).fingerprint


def commit(stage: Stage, offset: int, metadata: str, partition: int = 0) -> None:
    """Commit for the stage's group, which must have no member."""
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    place = TopicPartition(stage.topic, partition, offset, metadata)
    request = ConsumerGroupTopicPartitions(stage.group, [place])
    answer = admin.alter_consumer_group_offsets([request])[stage.group].result(topics.TIMEOUT_S)
    assert [found.error for found in answer.topic_partitions or ()] == [None]


def committed(stage: Stage, partition: int = 0) -> tuple[int, str | None]:
    """Return the group's offset and metadata as they stand, whoever wrote them."""
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    request = ConsumerGroupTopicPartitions(stage.group, [TopicPartition(stage.topic, partition)])
    future = admin.list_consumer_group_offsets([request])[stage.group]
    found = (future.result(topics.TIMEOUT_S).topic_partitions or [])[0]
    assert found.error is None, found
    return found.offset, found.metadata
