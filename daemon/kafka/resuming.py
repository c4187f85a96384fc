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
    from collections.abc import Callable, Sequence

    from confluent_kafka import Consumer, TopicPartition

# The client's own thread starts what was assigned; until it has, it refuses to seek. One whose
# offset is out of range never starts: that is an error of its partition already, and many may be.
# So they are tried in turns, all together, until none of them has started for two seconds. That
# is counted in turns: for a process that stood still meanwhile, its client's thread stood as well.
_STEP_S = 0.01
_TURNS_IN_VAIN = 200


def assign(
    client: Consumer, starts: Sequence[TopicPartition], beat: Callable[[], None] = lambda: None
) -> None:
    """Assign these, and let nothing of one with a leader epoch come before it is confirmed.

    What is not confirmed becomes an error of its partition. While its leader is away, the client
    asks again by itself. `beat` is told in every turn. Raise KafkaFatal where the client can't
    begin.
    """
    client.incremental_assign(list(starts))
    known = [start for start in starts if start.leader_epoch is not None]
    turns = _TURNS_IN_VAIN
    while (left := [start for start in known if not _sought(client, start)]) and turns:
        turns = turns - 1 if len(left) == len(known) else _TURNS_IN_VAIN
        known = left
        beat()
        time.sleep(_STEP_S)


def _sought(client: Consumer, start: TopicPartition) -> bool:
    """Seek; tell whether the partition was started, so that it could be sought."""
    try:
        client.seek(start)
    except KafkaException as exception:
        error = error_of(exception)
        if error.code() != KafkaError._STATE:  # noqa: SLF001
            where = f"{start.topic} [{start.partition}] at {start.offset}"
            raise KafkaFatal(f"read on from {where}: {describe(error)}") from exception
        return False
    return True
