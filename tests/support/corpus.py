"""Records captured from real Debezium connectors, and records made by hand, as `Run`s.

The files under `corpus/debezium` hold one record a line: topic, partition, offset, timestamp,
key, value and headers; a key, value or header value is null, `{"utf8": …}` or `{"b64": …}`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from daemon.core.model import Partition
from daemon.kafka.records import Record, Run

CORPUS = Path(__file__).parent / "corpus" / "debezium"


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """A record made by hand: all of `daemon.kafka.records.Record`."""

    _value: bytes | None = None
    _key: bytes | None = None
    _headers: tuple[tuple[str, bytes | None], ...] = ()
    _offset: int = 0
    _timestamp: tuple[int, int] = (1, 1_700_000_000_000)

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes | None:
        return self._key

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return list(self._headers) or None

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return self._timestamp


def run_of(
    *values: bytes | dict[str, Any] | None, topic: str = "t", key: bytes | None = None
) -> Run:
    """Return a run of partition 0 from offset 100 on; a dict is written as JSON."""
    records = [
        FakeRecord(json.dumps(value).encode() if isinstance(value, dict) else value, key, (), at)
        for at, value in enumerate(values, start=100)
    ]
    return run_of_records(records, topic=topic)


def run_of_records(records: Sequence[Record], *, topic: str = "t") -> Run:
    """Return a run of partition 0 with these records, whose offsets ascend."""
    first, last = records[0].offset(), records[-1].offset()
    return Run(Partition(topic, 0), records, first, last + 1, leader_epoch=7)


def load(name: str) -> dict[str, Run]:
    """Return the records of a corpus file by topic; each topic there has one partition."""
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    parsed = [json.loads(line) for line in lines]
    return {
        topic: run_of_records([_record(line) for line in group], topic=topic)
        for topic, group in groupby(parsed, key=lambda line: str(line["topic"]))
    }


def _record(line: dict[str, Any]) -> FakeRecord:
    headers = tuple((name, _bytes(value)) for name, value in line["headers"] or ())
    timestamp = (1, int(line["timestamp"]))
    key, value = _bytes(line["key"]), _bytes(line["value"])
    return FakeRecord(value, key, headers, int(line["offset"]), timestamp)


def _bytes(value: dict[str, str] | None) -> bytes | None:
    if value is None:
        return None
    return value["utf8"].encode() if "utf8" in value else base64.b64decode(value["b64"])
