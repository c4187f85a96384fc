"""The producer of dead letters: what it reports as acknowledged is safe, the rest it keeps.

It knows nothing of records, flushes or reasons. One thread calls it.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from daemon.kafka.client_config import Properties, client_log, producer_config
from daemon.kafka.client_errors import describe, error_of
from daemon.kafka.letters import Letter

if TYPE_CHECKING:
    from confluent_kafka import Message

# A letter that was refused is sent again after this, for as long as it takes.
RETRY_S = 1.0

# How much of a value that is too large for the topic is kept, beside its hash.
KEPT_BYTES = 100_000

CUT_HEADER = "cohortd.cut"  # `sha256:<hex> <length>` of the value before it was cut.

_TOO_LARGE = KafkaError.MSG_SIZE_TOO_LARGE


class Outbox:
    """Sends letters until each is acknowledged; a letter that can't be written is never dropped."""

    def __init__(
        self,
        properties: Properties,
        topic: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        logger: logging.Logger = client_log,
    ) -> None:
        self.trouble: str | None = None
        self._topic = topic
        self._clock = clock
        self._producer = Producer(producer_config(properties), logger=logger)
        self._tickets = itertools.count(1)
        self._again: list[tuple[float, int, Letter]] = []
        self._acknowledged: list[int] = []
        self._outstanding = 0

    def send(self, letter: Letter) -> int:
        """Take a letter and return its ticket."""
        ticket = next(self._tickets)
        self._outstanding += 1
        self._produce(ticket, letter)
        return ticket

    def poll(self) -> list[int]:
        """Return the tickets acknowledged since the last call, and send again what is due."""
        self._producer.poll(0)
        now_s = self._clock()
        due = [entry for entry in self._again if entry[0] <= now_s]
        self._again = [entry for entry in self._again if entry[0] > now_s]
        for _, ticket, letter in due:
            self._produce(ticket, letter)
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def flush(self, timeout_s: float) -> bool:
        """Wait for acknowledgements, at most this long; tell whether all have come."""
        self._producer.flush(timeout_s)
        return not self._outstanding

    def close(self) -> None:
        """Forget what is not acknowledged."""
        self._producer.purge()
        self._producer.flush(0)

    def _produce(self, ticket: int, letter: Letter) -> None:
        def heard(error: KafkaError | None, _: Message) -> None:
            self._heard(ticket, letter, error)

        try:
            self._producer.produce(
                self._topic,
                key=letter.key,
                value=letter.value,
                headers=list(letter.headers),
                on_delivery=heard,
            )
        except BufferError:
            self._send_later(ticket, letter, "the producer's queue is full")
        except KafkaException as exception:
            self._heard(ticket, letter, error_of(exception))

    def _heard(self, ticket: int, letter: Letter, error: KafkaError | None) -> None:
        if error is None:
            self.trouble = None
            self._outstanding -= 1
            self._acknowledged.append(ticket)
        elif error.code() == _TOO_LARGE and len(letter.value or b"") > KEPT_BYTES:
            self._produce(ticket, cut(letter))
        else:
            self._send_later(ticket, letter, describe(error))

    def _send_later(self, ticket: int, letter: Letter, why: str) -> None:
        self.trouble = f"topic {self._topic}: {why}"
        self._again.append((self._clock() + RETRY_S, ticket, letter))


def cut(letter: Letter) -> Letter:
    """Return the letter with the beginning of its value, and what tells the whole one."""
    value = letter.value or b""
    whole = f"sha256:{hashlib.sha256(value).hexdigest()} {len(value)}"
    return Letter(letter.key, value[:KEPT_BYTES], [*letter.headers, (CUT_HEADER, whole.encode())])
