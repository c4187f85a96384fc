"""How a poll waits for messages: asleep at a steady pace of them, else inside the client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from daemon.errors import KafkaFatal
from daemon.kafka.client_errors import describe, error_of

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message


class Polling:
    """Takes messages from a client, poll by poll.

    Whoever waits inside the client is woken by each answer to a fetch, hundreds of times a second
    at a steady pace, only to go on waiting. So after a poll that brought messages, but not all
    that it may bring, the next one sleeps its time and takes what has come.
    """

    def __init__(self) -> None:
        self._steady = False

    def messages(self, consumer: Consumer, messages_max: int, timeout_s: float) -> list[Message]:
        """Wait `timeout_s`, or until there are so many; raise KafkaFatal when it can't go on."""
        if self._steady:
            time.sleep(timeout_s)
            timeout_s = 0.0
        try:
            messages = consumer.consume(messages_max, timeout_s)
        except KafkaException as exception:
            raise KafkaFatal(f"read from Kafka: {describe(error_of(exception))}") from exception
        self._steady = 0 < len(messages) < messages_max
        return messages
