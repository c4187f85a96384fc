"""Reading on from where the group left off, once the broker has confirmed that the log goes there.

librdkafka asks for it (KIP-320) when a partition's leader changes under the reader and when it is
told to seek, but not where an assignment begins (2.16, read in its source and measured). Without
that question a log that an unclean election cut short while nobody read, and that has grown past
the committed offset since, is read on as if nothing were missing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException

from daemon.errors import KafkaFatal
from daemon.kafka.client_errors import describe, error_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Consumer, TopicPartition

# The client's own thread starts what was assigned; until it has, it refuses to seek. One whose
# offset is out of range never starts: that is an error of its partition already.
_STARTED_WITHIN_S = 2.0
_STEP_S = 0.01


def assign(client: Consumer, starts: Sequence[TopicPartition]) -> None:
    """Assign these, and let nothing of one with a leader epoch come before it is confirmed.

    What is not confirmed becomes an error of its partition. While its leader is away, the client
    asks again by itself. Raise KafkaFatal where the client can't begin.
    """
    client.incremental_assign(list(starts))
    for start in starts:
        if start.leader_epoch is not None:
            _seek(client, start)


def _seek(client: Consumer, start: TopicPartition) -> None:
    deadline_s = time.monotonic() + _STARTED_WITHIN_S
    while True:
        try:
            client.seek(start)
        except KafkaException as exception:
            error = error_of(exception)
            if error.code() != KafkaError._STATE:  # noqa: SLF001
                where = f"{start.topic} [{start.partition}] at {start.offset}"
                raise KafkaFatal(f"read on from {where}: {describe(error)}") from exception
            if time.monotonic() >= deadline_s:
                return
            time.sleep(_STEP_S)
        else:
            return
