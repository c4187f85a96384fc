"""The times of Kafka's group that our own deadlines are measured against.

Where the configuration is silent, librdkafka's defaults count.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from daemon.config.kafka_properties import PropertyValue, Unusable, text_of

REVOKE_MARGIN_S = 10.0
DRAIN_MARGIN_S = 5.0

_DEFAULT_MS = {
    "session.timeout.ms": "45000",
    "heartbeat.interval.ms": "3000",
    "max.poll.interval.ms": "300000",
}
_BROKER_HEARTBEAT_S = 5.0  # group.consumer.heartbeat.interval.ms of Apache Kafka.


class Timing(msgspec.Struct, frozen=True):
    """A group's times; `session_s` is None where only the broker's own configuration tells it."""

    session_s: float | None
    heartbeat_s: float
    poll_s: float
    consumer_protocol: bool


def read_timing(
    properties: Mapping[str, PropertyValue], session_timeout_s: float | None
) -> Timing | None:
    """Return the times; None where a property they stand in is bad."""
    try:
        poll_s, session_s, heartbeat_s = (
            _seconds(properties, f"{name}.ms")
            for name in ("max.poll.interval", "session.timeout", "heartbeat.interval")
        )
        protocol = _text(properties, "group.protocol", "classic")
    except ValueError:
        return None
    if protocol.lower() == "consumer":
        return Timing(session_timeout_s, _BROKER_HEARTBEAT_S, poll_s, consumer_protocol=True)
    return Timing(session_s, heartbeat_s, poll_s, consumer_protocol=False)


def _seconds(properties: Mapping[str, PropertyValue], name: str) -> float:
    return int(_text(properties, name, _DEFAULT_MS[name])) / 1000


def _text(properties: Mapping[str, PropertyValue], name: str, default: str) -> str:
    value = properties.get(name, default)
    if isinstance(value, Unusable):
        raise ValueError(value.reason)  # noqa: TRY004 - One exception for one answer.
    return text_of(value)
