"""The producer of dead letters: what it reports as acknowledged is safe, the rest it keeps.

It knows nothing of records, flushes or reasons. One thread calls it. A letter may be written
twice (a lost acknowledgement, a new producer), never not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError, KafkaException, Producer

from daemon.kafka.client_config import Properties, client_log, producer_config
from daemon.kafka.client_errors import describe, error_of
from daemon.kafka.login import Login
from daemon.kafka.records import Letter
from daemon.tokens.source import source_in

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from confluent_kafka import Message

# A letter that was refused is sent again after this, for as long as it takes.
RETRY_S = 1.0

# How much of the value of a letter too large for the topic is kept, tried in this order. At the
# last the record's own headers and key go as well; what says where it came from always fits.
KEPT_BYTES = (500_000, 50_000, 5_000, 0)

CUT_HEADER = "cohortd.cut"  # `sha256:<hex> <length>` of the value before it was cut.

_OURS = ("__connect.errors.", "cohortd.")
_TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
_TURN_S = 0.05

# How often a client with nothing to say is heard: for its tokens and its errors. Each time lets
# another thread run, which costs more than the hearing.
_IDLE_S = 1.0


class Outbox:
    """Sends letters until each is acknowledged; a letter that can't be written is never dropped.

    `trouble` says why letters can't be written now; it is None again after the first that was.
    """

    def __init__(
        self,
        properties: Properties,
        topic: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        logger: logging.Logger = client_log,
        login: Login | None = None,
    ) -> None:
        self._login = login or Login()
        self.trouble: str | None = None
        self.held_bytes = 0  # Of the letters not acknowledged; the client has copies of them.
        self._topic = topic
        self._clock = clock
        self._logger = logger
        self._config = producer_config(properties) | {"error_cb": self._troubled}
        self._tokens = source_in(properties)
        self._alone = False  # One letter a batch, so that what a broker says is of that letter.
        # To be replaced. One that logs in by tokens is made by the first turn: that takes a second.
        self._broken = self._tokens is not None
        self._producer = None if self._broken else Producer(self._config, logger=logger)
        self._replaced: list[Producer] = []  # Each still has reports to make, which hold it.
        self._tickets = itertools.count(1)
        self._kept: dict[int, Letter] = {}  # As sent; a letter leaves when it is acknowledged.
        self._again: list[tuple[float, int]] = []
        self._no_room: list[int] = []  # These wait until the producer has room for them.
        self._acknowledged: list[int] = []
        self._listen_at_s = 0.0
        self.failed = 0  # How often Kafka did not take a letter.

    def send(self, letter: Letter) -> int:
        """Take a letter and return its ticket."""
        ticket = next(self._tickets)
        self._kept[ticket] = letter
        self.held_bytes += bytes_of(letter)
        if self._no_room:
            self._no_room.append(ticket)
        else:
            self._produce_each([ticket])
        return ticket

    def poll(self) -> list[int]:
        """Return the tickets acknowledged since the last call, and send again what is due."""
        due = self._clock() >= self._listen_at_s
        if self._kept or self._broken or self._replaced or due:
            self._turn(0)
        acknowledged, self._acknowledged = self._acknowledged, []
        return acknowledged

    def flush(self, timeout_s: float) -> bool:
        """Wait for acknowledgements, at most this long; tell whether all have come.

        Their tickets come from the next `poll`.
        """
        deadline_s = time.monotonic() + timeout_s
        while self._kept and time.monotonic() < deadline_s:
            self._turn(_TURN_S)
        return not self._kept

    def close(self) -> None:
        """Forget what is not acknowledged."""
        self._kept.clear()
        self.held_bytes = 0
        if self._producer is not None:
            self._producer.purge()
            _is_done(self._producer)

    def _turn(self, wait_s: float) -> None:
        self._replaced = [old for old in self._replaced if not _is_done(old)]
        if self._producer is None:
            time.sleep(wait_s)
        else:
            self._hear(self._producer, wait_s)
        if self._broken and not self._lacks_token():
            self._start_over()
        now_s = self._clock()
        self._listen_at_s = now_s + _IDLE_S
        due = [ticket for at_s, ticket in self._again if at_s <= now_s]
        self._again = [entry for entry in self._again if entry[0] > now_s]
        waiting, self._no_room = self._no_room, []
        self._produce_each([*waiting, *due])

    def _hear(self, producer: Producer, wait_s: float) -> None:
        self._login.follow(producer)
        try:
            producer.poll(wait_s)
        except KafkaException as exception:  # How the binding tells a fatal error.
            self._troubled(error_of(exception))
            self._broken = True

    def _lacks_token(self) -> bool:
        """Tell whether no producer can be made now: that would wait for a token, and fail."""
        why = self._tokens.trouble if self._tokens is not None else ""
        if why and self._kept:
            self.trouble = f"topic {self._topic}: {why}"
        return bool(why)

    def _start_over(self) -> None:
        """Take a new producer, and send all that is kept again, in the order it was taken."""
        old, self._producer = self._producer, None  # What the old one reports counts no more.
        if old is not None:
            old.purge()
            self._replaced.append(old)
        config = self._config | self._login.properties()
        config |= {"batch.num.messages": 1} if self._alone else {}
        self._producer = Producer(config, logger=self._logger)
        self._broken = False
        self._again, self._no_room = [], []
        self._produce_each(list(self._kept))

    def _produce_each(self, tickets: list[int]) -> None:
        """Send these; the first that finds no room waits for it, and all behind it."""
        for place, ticket in enumerate(tickets):
            if not self._produce(ticket):
                self._no_room += tickets[place:]
                return

    def _produce(self, ticket: int) -> bool:
        """Give a letter to the producer; False where it has no room for it now.

        That is no trouble of its own: an acknowledgement makes room, or its absence is told.
        """
        letter, producer = self._kept[ticket], self._producer
        if producer is None:
            return True  # All that is kept is sent by the first one.

        def heard(error: KafkaError | None, _: Message) -> None:
            if producer is self._producer and ticket in self._kept:
                self._heard(ticket, error)

        try:
            producer.produce(
                self._topic,
                key=letter.key,
                value=letter.value,
                headers=list(letter.headers),
                on_delivery=heard,
            )
        except BufferError:
            return False
        except KafkaException as exception:
            self._heard(ticket, error_of(exception))
        return True

    def _heard(self, ticket: int, error: KafkaError | None) -> None:
        self.failed += error is not None
        if error is None:
            self.trouble = None
            self.held_bytes -= bytes_of(self._kept.pop(ticket))
            self._acknowledged.append(ticket)
        elif self._broken:
            return  # The rest of a batch that failed as a whole: all of it is sent again anyway.
        elif error.code() in _TOO_LARGE and not self._alone:
            # Perhaps it was only the batch: from now on each letter is judged by itself.
            self._alone = self._broken = True
        elif error.code() in _TOO_LARGE and (smaller := cut(self._kept[ticket])) is not None:
            self.held_bytes += bytes_of(smaller) - bytes_of(self._kept[ticket])
            self._kept[ticket] = smaller
            self._again.append((self._clock(), ticket))
        else:
            self._send_later(ticket, describe(error))

    def _send_later(self, ticket: int, why: str) -> None:
        self.trouble = f"topic {self._topic}: {why}"
        self._again.append((self._clock() + RETRY_S, ticket))

    def _troubled(self, error: KafkaError) -> None:
        """Note what the client reports. A fatal error ends this producer, never the letters."""
        self._broken = self._broken or error.fatal()
        if self._kept:
            self.trouble = f"topic {self._topic}: {describe(error)}"


def bytes_of(letter: Letter) -> int:
    """Return what a letter holds in key, value and headers."""
    headers = sum(len(name) + len(text or b"") for name, text in letter.headers)
    return len(letter.key or b"") + len(letter.value or b"") + headers


def _is_done(producer: Producer) -> bool:
    """Take what a purged producer still has to say: its copies of letters are in that.

    While a report waits, it holds what hears it, and that the producer with its threads. Those of
    what was on the wire come a moment after the purge.
    """
    with contextlib.suppress(KafkaException):  # That it is beyond repair; nobody needs it.
        producer.poll(0)
    return not len(producer)


def cut(letter: Letter) -> Letter | None:
    """Return the letter with less of its value, and what tells the whole one; None at the end."""
    value = letter.value or b""
    kept = next((size for size in KEPT_BYTES if size < len(value)), None)
    if kept is None:
        headers = [(name, text) for name, text in letter.headers if name.startswith(_OURS)]
        if letter.key is None and len(headers) == len(letter.headers):
            return None
        return Letter(None, letter.value, headers)
    headers = list(letter.headers)
    if not any(name == CUT_HEADER for name, _ in headers):
        whole = f"sha256:{hashlib.sha256(value).hexdigest()} {len(value)}"
        headers.append((CUT_HEADER, whole.encode()))
    return Letter(letter.key, value[:kept], headers)
