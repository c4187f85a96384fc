"""Which cohorts Braze knows, and under which names: remembered in a compacted topic.

A restart or a take-over would else announce every cohort again, and each announcement costs a
request of the quota. It owns a thread, a reader and a producer; nobody waits for it but the start,
for a moment. What it can't remember is announced again, which is harmless.

A record's key is `["fingerprint","cohort"]`, so that destinations may share a topic; its value is
`{"name":…}`.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from daemon.kafka.client_config import client_log, consumer_config, producer_config
from daemon.kafka.client_errors import describe, error_of
from daemon.logs import FoldedLog, event, get_logger
from daemon.tokens.source import source_in

_TURN_S: Final = 0.2
_AGAIN_S: Final = 5.0
_ASK_S: Final = 5.0
_FLUSH_S: Final = 2.0
_WAITING_MAX: Final = 100_000  # Announcements not written yet; more are not remembered.


class NamesTopic(threading.Thread):
    """Reads the topic to its end, follows it, and writes what this process has announced."""

    def __init__(
        self,
        consumer: Mapping[str, Any],
        producer: Mapping[str, Any],
        topic: str,
        fingerprint: str,
    ) -> None:
        super().__init__(name="cohortd-names", daemon=True)
        self._consumer = consumer_config(consumer)
        self._producer = producer_config(producer)
        self._topic = topic
        self._fingerprint = fingerprint
        self._heard: Callable[[dict[str, str]], None] = lambda _: None
        self._told: queue.Queue[tuple[str, str]] = queue.Queue(_WAITING_MAX)
        self._read = threading.Event()
        self._stopped = threading.Event()
        self._log = FoldedLog(get_logger())

    def listen(self, heard: Callable[[dict[str, str]], None]) -> None:
        """Say who is told of names, by cohort; on this thread, and before it starts."""
        self._heard = heard

    def tell(self, cohort: str, name: str) -> None:
        """Remember that Braze has taken an announcement; from any thread, at once."""
        try:
            self._told.put_nowait((cohort, name))
        except queue.Full:
            self._log.warning(event.NAMES_TROUBLE, detail="more announcements than can be written")

    def wait(self, timeout_s: float) -> bool:
        """Wait until the topic has been read to its end once; tell whether it has."""
        return self._read.wait(timeout_s)

    def stop(self) -> None:
        """Write what was told, and end; nobody needs to wait for it."""
        self._stopped.set()

    def run(self) -> None:
        """Follow the topic until stopped; begin anew after trouble."""
        source = source_in(self._consumer)
        while not self._stopped.is_set():
            if source is not None and not source.wait(_TURN_S):
                continue
            try:
                self._follow()
            except KafkaException as exception:
                why = f"topic {self._topic}: {describe(error_of(exception))}"
                self._log.warning(event.NAMES_TROUBLE, detail=why)
                self._stopped.wait(_AGAIN_S)

    def _follow(self) -> None:
        consumer = Consumer(self._consumer, logger=client_log)
        try:
            producer = Producer(self._producer, logger=client_log)
            left = self._assign(consumer)
            while not self._stopped.is_set():
                self._take(consumer.consume(1_000, _TURN_S), left)
                self._write(producer)
                producer.poll(0)
            self._write(producer)
            producer.flush(_FLUSH_S)
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer) -> set[int]:
        """Read all partitions from their beginning; return those not read to their end yet."""
        told = consumer.list_topics(self._topic, timeout=_ASK_S).topics[self._topic]
        if told.error is not None:
            raise KafkaException(told.error)
        places = [TopicPartition(self._topic, n, OFFSET_BEGINNING) for n in told.partitions]
        consumer.assign(places)
        return set(told.partitions)

    def _take(self, messages: Iterable[Message], left: set[int]) -> None:
        names: dict[str, str] = {}
        for message in messages:
            error = message.error()
            if error is None:
                names.update(name_in(message.key(), message.value(), self._fingerprint))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                left.discard(message.partition() or 0)
            elif not error.retriable():
                raise KafkaException(error)
        if names:
            self._heard(names)
        if not left and not self._read.is_set():
            self._log.forget(event.NAMES_TROUBLE)
            self._read.set()

    def _write(self, producer: Producer) -> None:
        while not self._told.empty():
            cohort, name = self._told.get_nowait()
            key = json.dumps([self._fingerprint, cohort]).encode()
            try:
                producer.produce(self._topic, json.dumps({"name": name}).encode(), key)
            except BufferError:
                return  # It is announced again after the next restart: no harm.


def name_in(key: bytes | None, value: bytes | None, fingerprint: str) -> dict[str, str]:
    """Return the cohort's name; nothing for another destination's, or what is none."""
    try:
        (of, cohort), name = json.loads(key or b""), json.loads(value or b"")["name"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    known = isinstance(cohort, str) and isinstance(name, str)
    return {cohort: name} if known and of == fingerprint else {}
