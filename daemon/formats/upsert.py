"""Rows by key, a null value for a row that is gone: what stream processors write of a table.

Source: the changelog topics of ksqlDB and Kafka Streams, Flink's upsert-kafka, and the sinks with
`ENVELOPE UPSERT` of Materialize and of RisingWave. Whom a record is about stands in its key.
"""

from __future__ import annotations

from daemon.config.inputs import InputSettings
from daemon.formats.changes import Change, Ignored, Read, RejectError
from daemon.formats.codec import Codec
from daemon.formats.logical import time_s
from daemon.formats.mapping import RowMapping
from daemon.formats.rows import joined, standing
from daemon.formats.values import Image, Source
from daemon.kafka.records import Reason, Record


class UpsertReader:
    """Reads upserts one by one; see `Reader`."""

    def __init__(self, settings: InputSettings, codec: Codec, keys: Codec) -> None:
        self._mappings = tuple(RowMapping(each, settings.match_on) for each in settings.mapping)
        self._codec = codec
        self._keys = keys

    def read(self, topic: str, record: Record) -> Read:
        """See `Reader`: a change from each mapping, in their order."""
        if record.key() is None:
            raise RejectError(Reason.MISSING_IDENTITY, "an upsert has a key, and this has none")
        source, gone = self._open(topic, record)
        return joined(
            _gone(mapping, source) if gone else standing(mapping, source)
            for mapping in self._mappings
        )

    def occurred_at_s(self, topic: str, record: Record) -> float | None:
        """See `Reader`: by the first mapping that says where."""
        try:
            source, _ = self._open(topic, record)
            for mapping in self._mappings:
                if mapping.occurred_at is not None:
                    return time_s(*mapping.occurred_at.raw(source))
        except RejectError:
            pass
        return None

    def _open(self, topic: str, record: Record) -> tuple[Source, bool]:
        """Return what the mappings read, and whether the row is gone."""
        value = record.value()
        tree = None if value is None else self._codec.open(value, "the value")
        if tree is None or tree.value is None:
            return Source(topic, record, self._keys), True
        # A value that is no row, such as a number of a table of counts, has no columns to read.
        columns = tree.value if isinstance(tree.value, dict) else {}
        return Source(topic, record, self._keys, Image(columns, tree.types)), False


def _gone(mapping: RowMapping, source: Source) -> Change | Ignored:
    return Change(*mapping.target(source), add=False)
