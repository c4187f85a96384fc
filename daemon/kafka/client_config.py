"""What we tell librdkafka, beside what the person who configured us tells it.

It owns the properties that a guarantee rests on (nobody can change those) and our defaults
(anybody can). It reads no configuration: properties come resolved, as librdkafka's own names.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeAlias

Properties: TypeAlias = Mapping[str, Any]  # librdkafka's: text, numbers, truth, callbacks.

# librdkafka's own log lines. They repeat (31 in 1.6 s for one unreachable broker, measured), and
# what they say comes by the error callback as well, so nobody reads them unless they are asked for.
client_log = logging.getLogger("cohortd.librdkafka")
client_log.propagate = False
client_log.addHandler(logging.NullHandler())

_DEFAULTS: Mapping[str, Any] = {
    "client.id": "cohortd",
    "socket.keepalive.enable": True,
    "socket.nagle.disable": True,
    # What these add up to is how late a broker that is back is found again (G10): its 60 s for a
    # request, 30 s for a connection and 10 s, half as much again, between tries are too much.
    "socket.timeout.ms": 30_000,
    "socket.connection.setup.timeout.ms": 10_000,
    "reconnect.backoff.max.ms": 5_000,
}

_CONSUMER_DEFAULTS: Mapping[str, Any] = {
    # Its 1,000 ms would hold a drain at about 180,000 records a second (measured).
    "fetch.queue.backoff.ms": 20,
    # What is prefetched and not handed out yet: at most 20,000 records a partition, unless they
    # are larger than 16 MiB in all. A small record costs about 500 bytes of the process here.
    "queued.min.messages": 20_000,
    "queued.max.messages.kbytes": 16_384,
    # At a steady pace the broker gathers an answer instead of giving a few records at a time, each
    # answer at a price of its own. The wait bounds what that may delay a record where few come;
    # the end of a log is told by an empty answer, so that late.
    "fetch.min.bytes": 65_536,
    "fetch.wait.max.ms": 50,
    # A record damaged on the way is refused, not decoded.
    "check.crcs": True,
    # How long a topic that is new, or has new partitions, may go unseen.
    "topic.metadata.refresh.interval.ms": 20_000,
}

_CONSUMER_FORCED: Mapping[str, Any] = {
    "enable.auto.commit": False,  # G7: only what Braze has taken is committed, by us.
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # A lost position is a person's decision.
    "enable.partition.eof": True,  # The replay barrier ends at the end of the log (G5).
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
}

# How large a letter may be: as large as any record that is read, on librdkafka's defaults.
LETTER_BYTES_MAX = 100_000_000

# Under KIP-848 the broker decides these, and librdkafka refuses them.
_CLASSIC_ONLY = frozenset(
    {
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "group.protocol.type",
    }
)

# A producer or admin client does not know these, and would say so.
_CONSUMER_ONLY = frozenset(
    {
        *_CLASSIC_ONLY,
        *_CONSUMER_FORCED,
        *_CONSUMER_DEFAULTS,
        "coordinator.query.interval.ms",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "on_commit",
    }
) - {
    "topic.metadata.refresh.interval.ms",
    "allow.auto.create.topics",
}


def consumer_config(properties: Properties) -> dict[str, Any]:
    """Return what a `confluent_kafka.Consumer` of ours is made with."""
    defaults = {**_defaults(properties), **_consumer_defaults(properties)}
    config = {**defaults, **properties, **_CONSUMER_FORCED}
    if config.get("group.protocol", "classic") == "consumer":
        return {name: value for name, value in config.items() if name not in _CLASSIC_ONLY}
    # Cooperative: a rebalance takes nothing from those who keep what they have.
    return {**config, "partition.assignment.strategy": "cooperative-sticky"}


def _defaults(properties: Properties) -> dict[str, Any]:
    """Return ours, but for one that a property of theirs would contradict."""
    if "reconnect.backoff.ms" not in properties:
        return dict(_DEFAULTS)
    return {name: each for name, each in _DEFAULTS.items() if name != "reconnect.backoff.max.ms"}


def _consumer_defaults(properties: Properties) -> dict[str, Any]:
    """Return ours. Who lets the broker wait longer means where there is nothing, not for more."""
    if "fetch.wait.max.ms" not in properties:
        return dict(_CONSUMER_DEFAULTS)
    return {name: each for name, each in _CONSUMER_DEFAULTS.items() if name != "fetch.min.bytes"}


def admin_config(properties: Properties) -> dict[str, Any]:
    """Return what reaches the same cluster, without what only a consumer knows."""
    own = {name: value for name, value in properties.items() if name not in _CONSUMER_ONLY}
    return {**_defaults(own), **own, "allow.auto.create.topics": False}


def producer_config(properties: Properties) -> dict[str, Any]:
    """Return what a producer of dead letters is made with: what it acknowledges is safe."""
    return {
        **admin_config(properties),
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
        # A letter that is not taken in this time is reported, and sent again by us.
        "message.timeout.ms": 15_000,
        # Here nothing is too large: what the topic refuses is cut, and says so.
        "message.max.bytes": LETTER_BYTES_MAX,
        # How much it holds of copies, the values counted. Its 1 GiB is all that a pod may have;
        # and with less than this a value larger than all of it would wait for room for ever.
        "queue.buffering.max.kbytes": -(-LETTER_BYTES_MAX // 1024),
    }
