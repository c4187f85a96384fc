"""The measure: a child process that drains a topic and does nothing else, or only decodes.

`python -m tests.bench.consume count|native|debezium|avro BOOTSTRAP TOPIC PARTITIONS RECORDS USERS`
`python -m tests.bench.consume follow BOOTSTRAP TOPIC PARTITIONS` decodes native events as they come
until it is killed.

It imports nothing of the daemon. What it is asked to find it must find, or it fails: a bare loop
that reads less than the whole log would flatter everybody else.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

POLL_MAX = 10_000
POLL_S = 0.2
FOLLOW_S = 0.1  # As seldom as the daemon looks at a steady pace.

# At a steady pace an answer of a few records costs about as much as one of many.
_GATHERED = {"fetch.min.bytes": 65_536, "fetch.wait.max.ms": 50}

Take = Callable[[Iterable[Message]], None]


def reading(bootstrap: str, topic: str, partitions: int, more: dict[str, int]) -> Consumer:
    """Return a client that reads every partition from its beginning."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bare",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 20,  # Its default of 1,000 holds every drain up.
            **more,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    return consumer


def polled(consumer: Consumer, timeout_s: float) -> list[Message]:
    """Return what has come; raise where any of it is a failure."""
    messages = consumer.consume(POLL_MAX, timeout_s)
    failed = next((error for message in messages if (error := message.error())), None)
    if failed is not None:
        raise KafkaException(failed)
    return messages


def follow(bootstrap: str, topic: str, partitions: int, take: Take) -> None:
    """Take what comes, a few times a second, for good."""
    consumer = reading(bootstrap, topic, partitions, _GATHERED)
    while True:
        time.sleep(FOLLOW_S)
        take(polled(consumer, 0))


def drain(bootstrap: str, topic: str, partitions: int, records: int, take: Take | None) -> None:
    """Read every partition from its beginning until there are so many records."""
    consumer = reading(bootstrap, topic, partitions, {})
    left = records
    while left > 0:
        messages = polled(consumer, POLL_S)
        left -= len(messages)
        if take is not None:
            take(messages)
    consumer.close()
    assert left == 0, f"{-left} records more than there are"


def native_into(folded: dict[str, dict[str, bool]]) -> Take:
    """Return what a shortest consumer does with native events."""
    import msgspec  # noqa: PLC0415  The bare loop does not pay for it.

    names = ("cohort_id", "external_id", "op")
    event_type: Any = msgspec.defstruct("Event", [(name, str) for name in names])
    decode = msgspec.json.Decoder(event_type).decode

    def take(messages: Iterable[Message]) -> None:
        for message in messages:
            event = decode(message.value() or b"")
            members = folded.get(event.cohort_id)
            if members is None:
                members = folded[event.cohort_id] = {}
            members[event.external_id] = event.op == "add"

    return take


def debezium_into(folded: dict[str, dict[str, bool]]) -> Take:
    """Return what a shortest consumer does with change events of a plain table."""
    import msgspec  # noqa: PLC0415

    row_type: Any = msgspec.defstruct(
        "Row", [("cohort_id", str), ("user_id", str), ("status", str)]
    )
    images = [(name, row_type | None, None) for name in ("before", "after")]
    envelope_type: Any = msgspec.defstruct("Envelope", images)
    decode = msgspec.json.Decoder(envelope_type).decode

    def take(messages: Iterable[Message]) -> None:
        for message in messages:
            value = message.value()
            if value is None:
                continue
            event = decode(value)
            row = event.after or event.before
            assert row is not None
            members = folded.get(row.cohort_id)
            if members is None:
                members = folded[row.cohort_id] = {}
            members[row.user_id] = event.after is not None and row.status == "active"

    return take


def avro_into(folded: dict[str, dict[str, bool]]) -> Take:
    """Return what a shortest consumer does with native events in Avro."""
    import io  # noqa: PLC0415

    import fastavro  # noqa: PLC0415

    from tests.bench.avro_events import FRAME, schema  # noqa: PLC0415

    parsed = fastavro.parse_schema(schema())

    def take(messages: Iterable[Message]) -> None:
        for message in messages:
            value = message.value() or b""
            assert value.startswith(FRAME)
            event: Any = fastavro.schemaless_reader(io.BytesIO(value[len(FRAME) :]), parsed, None)
            members = folded.get(event["cohort_id"])
            if members is None:
                members = folded[event["cohort_id"]] = {}
            members[event["external_id"]] = event["op"] == "add"

    return take


INTO = {"native": native_into, "debezium": debezium_into, "avro": avro_into}


def main(mode: str, bootstrap: str, topic: str, *counts: str) -> None:
    folded: dict[str, dict[str, bool]] = {}
    if mode == "follow":
        follow(bootstrap, topic, int(counts[0]), native_into(folded))
    partitions, records, members = map(int, counts)
    take = None if mode == "count" else INTO[mode](folded)
    drain(bootstrap, topic, partitions, records, take)
    found = sum(sum(words.values()) for words in folded.values())
    assert mode == "count" or found == members, (found, members)


if __name__ == "__main__":
    main(*sys.argv[1:])
