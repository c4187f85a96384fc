"""Compiles an input's settings into its decoder: the one place that knows all formats."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from daemon.config.inputs import InputSettings
from daemon.formats.change_event import JsonOpener
from daemon.formats.codec import TEXT, Codec, JsonCodec
from daemon.formats.debezium import DebeziumReader, EveryReader
from daemon.formats.debezium_path import RowPath
from daemon.formats.debezium_shape import compile_rows
from daemon.formats.decode import Decoder, NativePath
from daemon.formats.mapping import RowMapping
from daemon.formats.native import Event, NativeReader, other_identifier
from daemon.formats.rows import RowsReader
from daemon.formats.upsert import UpsertReader
from daemon.formats.wrapping import Wrappings


def compile_input(
    settings: InputSettings, selected: Callable[[str], bool] | None = None
) -> Decoder:
    """Return the decoder of one input.

    Changes of cohorts for which `selected` is false are ignored and counted; it is asked once a
    cohort, and must always give the same answer.
    """
    if settings.format == "native":
        fast = NativePath(
            decode=msgspec.json.Decoder(Event).decode,
            identify=other_identifier(settings.match_on),
            external_first=settings.match_on[0] == "external_id",
        )
        return Decoder(NativeReader(settings.match_on), fast, selected)
    if settings.format == "rows":
        return Decoder(RowsReader(settings, JsonCodec(), _keys(settings)), None, selected)
    if settings.format == "upsert":
        return Decoder(UpsertReader(settings, JsonCodec(), _keys(settings)), None, selected)
    return _compile_debezium(settings, selected)


def _compile_debezium(settings: InputSettings, selected: Callable[[str], bool] | None) -> Decoder:
    compiled = [RowMapping(mapping, settings.match_on) for mapping in settings.mapping]
    wrappings = [Wrappings(each.columns, each.time_columns) for each in compiled]
    readers = [
        DebeziumReader(mapping, JsonOpener(wrapping), _keys(settings))
        for mapping, wrapping in zip(compiled, wrappings, strict=True)
    ]
    if len(readers) > 1:
        return Decoder(EveryReader(readers), None, selected)
    rows = compile_rows(settings.mapping[0], settings.match_on, wrappings[0])
    return Decoder(readers[0], None if rows is None else RowPath(rows), selected)


def _keys(settings: InputSettings) -> Codec:
    """Return how the records' keys are read."""
    if settings.key_encoding == "string":
        return TEXT
    return JsonCodec(remedy="if it is a plain text, set key_encoding: string")
