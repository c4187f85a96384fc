"""Which fatal errors of the client end the process, and which only this client."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from daemon.kafka.client_errors import EventLog

_HEARTBEAT = "Fatal error: Broker: Group authorization failed: ConsumerGroupHeartbeat fatal error"


@pytest.mark.parametrize(
    ("text", "refused"), [(_HEARTBEAT, True), ("Fatal error: Broker: Fenced instance id", False)]
)
def test_only_a_right_to_the_group_can_be_given_back(text: str, *, refused: bool) -> None:
    events = EventLog()
    assert not events.refused

    events.add(KafkaError(KafkaError._FATAL, text))

    assert events.fatal is not None
    assert events.refused is refused


def test_what_was_pardoned_is_a_complaint_that_names_the_right() -> None:
    events = EventLog()
    events.add(KafkaError(KafkaError._FATAL, _HEARTBEAT))
    events.drain()

    events.pardon()

    assert events.fatal is None
    assert [event.code for event in events.drain()] == ["GROUP_AUTHORIZATION_FAILED"]
