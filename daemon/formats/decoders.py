"""Compiles an input's settings into its decoder: the one place that knows all formats.

What a registry frames is in `framed`, and imported where an input needs it: Avro's modules would
be a twentieth of the start of a daemon that reads plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from daemon.config.inputs import Encoding, InputSettings
from daemon.formats.change_event import JsonOpener, Opener, TreeOpener
from daemon.formats.codec import TEXT, Codec, JsonCodec
from daemon.formats.debezium import DebeziumReader, EveryReader
from daemon.formats.debezium_path import RowPath
from daemon.formats.debezium_shape import compile_rows
from daemon.formats.decode import Decoder
from daemon.formats.mapping import RowMapping
from daemon.formats.matching import Matching
from daemon.formats.native import Event, NativeReader, SelectiveReader, other_identifier
from daemon.formats.native_path import NativePath
from daemon.formats.rows import RowsReader
from daemon.formats.selection import CohortBound, Selection
from daemon.formats.upsert import UpsertReader
from daemon.formats.wrapping import Wrappings

if TYPE_CHECKING:
    from daemon.formats.avro import Schemas


def compile_input(
    settings: InputSettings,
    selected: Callable[[str], bool] | None = None,
    schemas: Schemas | None = None,
    bound: CohortBound | None = None,
) -> Decoder:
    """Return the decoder of one input.

    Changes of cohorts for which `selected` is false are ignored and counted; it is asked once a
    cohort, and must always give the same answer. `schemas` is needed for Avro alone. A record of
    a cohort beyond the bound is a reject.
    """
    selection = Selection(selected, bound)
    codec = _codec(settings.encoding, schemas)
    keys = _keys(settings, schemas)
    if settings.format == "rows":
        return Decoder(RowsReader(settings, codec or JsonCodec(), keys), None, selection)
    if settings.format == "upsert":
        return Decoder(UpsertReader(settings, codec or JsonCodec(), keys), None, selection)
    if settings.format == "debezium":
        return _compile_debezium(settings, selection, codec, keys, schemas)
    reader = NativeReader(settings.match_on, codec)
    if settings.only_when:
        only_when = [Matching.of(condition) for condition in settings.only_when]
        return Decoder(SelectiveReader(reader, only_when, codec), None, selection)
    if codec is not None:
        from daemon.formats import framed  # noqa: PLC0415

        return Decoder(reader, framed.native_path(settings, schemas, reader), selection)
    fast = NativePath(
        decode=msgspec.json.Decoder(Event).decode,
        identify=other_identifier(settings.match_on),
        external_first=settings.match_on[0] == "external_id",
    )
    return Decoder(reader, fast, selection)


def _compile_debezium(
    settings: InputSettings,
    selection: Selection,
    codec: Codec | None,
    keys: Codec,
    schemas: Schemas | None,
) -> Decoder:
    compiled = [RowMapping(mapping, settings.match_on) for mapping in settings.mapping]
    wrappings = [Wrappings(each.columns, each.time_columns) for each in compiled]
    openers: list[Opener] = [TreeOpener(codec) if codec else JsonOpener(w) for w in wrappings]
    readers = [
        DebeziumReader(mapping, opener, keys)
        for mapping, opener in zip(compiled, openers, strict=True)
    ]
    if len(readers) > 1:
        return Decoder(EveryReader(readers), None, selection)
    if codec is not None:
        from daemon.formats import framed  # noqa: PLC0415

        return Decoder(readers[0], framed.row_path(settings, schemas, readers[0]), selection)
    rows = compile_rows(settings.mapping[0], settings.match_on, wrappings[0])
    return Decoder(readers[0], None if rows is None else RowPath(rows), selection)


def _codec(encoding: Encoding, schemas: Schemas | None) -> Codec | None:
    """Return how a value is read that is not in plain JSON, None where it is."""
    if encoding == "json":
        return None
    from daemon.formats import framed  # noqa: PLC0415

    return framed.codec(encoding, schemas)


def _keys(settings: InputSettings, schemas: Schemas | None) -> Codec:
    """Return how the records' keys are read."""
    encoding = settings.encoding if settings.key_encoding == "same" else settings.key_encoding
    if encoding == "string":
        return TEXT
    framed = _codec(encoding, schemas)
    return framed or JsonCodec(remedy="if it is a plain text, set key_encoding: string")
