"""Which fatal errors of the client end the process, and which only this client."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from daemon.kafka.client_errors import EventLog

_HEARTBEAT = "Fatal error: Broker: Group authorization failed: ConsumerGroupHeartbeat fatal error"
_UPGRADE = "Fatal error: Broker: The group id does not exist: ConsumerGroupHeartbeat fatal error"


@pytest.mark.parametrize(
    ("text", "refused"),
    [(_HEARTBEAT, True), (_UPGRADE, True), ("Fatal error: Broker: Fenced instance id", False)],
)
def test_only_a_group_that_may_take_us_later_is_tried_again(text: str, *, refused: bool) -> None:
    events = EventLog()
    assert not events.refused

    events.add(KafkaError(KafkaError._FATAL, text))

    assert events.fatal is not None
    assert events.refused is refused


@pytest.mark.parametrize(
    ("text", "code"),
    [(_HEARTBEAT, "GROUP_AUTHORIZATION_FAILED"), (_UPGRADE, "GROUP_ID_NOT_FOUND")],
)
def test_what_was_pardoned_is_a_complaint_that_names_the_cause(text: str, code: str) -> None:
    events = EventLog()
    events.add(KafkaError(KafkaError._FATAL, text))
    events.drain()

    events.pardon()

    assert events.fatal is None
    assert [event.code for event in events.drain()] == [code]
