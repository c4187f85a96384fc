"""`cohortd offsets` run on a stage's configuration, as a person runs it without a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from daemon.config.settings import Settings, load
from tests.support import topics
from tests.support.commands import Said, command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.stage import Stage


def offsets(
    stage: Stage, *words: str, changes: Mapping[str, object] | None = None, answer: str = ""
) -> Said:
    """Run `cohortd offsets`; see `command`."""
    return command(stage, "offsets", *words, changes=changes, answer=answer)


def settings_of(stage: Stage, changes: Mapping[str, object] | None = None) -> Settings:
    """Return the stage's configuration as the command reads it."""
    file = stage.folder / "settings.yaml"
    file.write_text(yaml.safe_dump(stage.config(changes)))
    return load([file], {})


def fingerprint_of(stage: Stage) -> str:
    """Return what the stage's own commits belong to."""
    return settings_of(stage).fingerprint


def commit(stage: Stage, offset: int, metadata: str, partition: int = 0) -> None:
    """Commit for the stage's group, which must have no member."""
    admin = topics.admin_of(stage.bootstrap)
    place = TopicPartition(stage.topic, partition, offset, metadata)
    request = ConsumerGroupTopicPartitions(stage.group, [place])
    answer = admin.alter_consumer_group_offsets([request])[stage.group].result(topics.TIMEOUT_S)
    assert [found.error for found in answer.topic_partitions or ()] == [None]


def committed(stage: Stage, partition: int = 0) -> tuple[int, str | None]:
    """Return the group's offset and metadata as they stand, whoever wrote them."""
    found = stage.offsets(partition + 1)[partition]
    return found.offset, found.metadata
