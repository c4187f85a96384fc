"""The fast shape of a Debezium record: typed structs that hold the mapped columns alone.

Compiled from a mapping where the mapping is plain: top-level columns as they stand, constants, the
topic. Everything else (trim, lower, keys, headers, nested paths) is the slow path's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from daemon.config.mapping import Mapping, Value
from daemon.core.model import Alias, Device, Member
from daemon.formats.changes import DoubtError
from daemon.formats.values import UNAVAILABLE
from daemon.formats.wrapping import Wrappings

_Id = str | int | None


class FastRows(msgspec.Struct, frozen=True):
    """What the loop over change events needs to know of a mapping.

    A decoded event has `op`, `before`, `after`; a row has `cohort`, `external`, `name`, `state`.
    """

    decode: Callable[[bytes], Any]
    identify: Callable[[Any], Member]  # For rows without an external id in first place.
    wrappings: Wrappings
    external_first: bool
    named: bool  # A column has the cohort's name.
    allowed: frozenset[Any] | None  # The values of `state` that mean membership.
    cohort: Value | None  # Where it is the same for a whole topic.


def compile_rows(
    mapping: Mapping, match_on: Sequence[str], wrappings: Wrappings
) -> FastRows | None:
    """Return the fast shape of a mapping, None where it takes the slow path."""
    kinds = tuple(kind for kind in match_on if kind in mapping.identifiers)
    columns = plain_columns(mapping)
    if columns is None:
        return None
    when = mapping.member_when
    return FastRows(
        decode=_envelope(columns.renamed, columns.state_type),
        identify=identifier(kinds, mapping),
        wrappings=wrappings,
        external_first=kinds[0] == "external_id",
        named="name" in columns.renamed,
        allowed=None if when is None else frozenset(when.in_),
        cohort=None if mapping.cohort_id.column is not None else mapping.cohort_id,
    )


class PlainColumns(msgspec.Struct, frozen=True):
    """The columns of a plain mapping, by the fields of a row that they fill."""

    renamed: dict[str, str]
    state_type: Any  # Of `state`, beside null.


def plain_columns(mapping: Mapping) -> PlainColumns | None:
    """Return the columns of a mapping, None where it is not plain."""
    parts = {"cohort": mapping.cohort_id, "name": mapping.cohort_name}
    parts |= {"external": mapping.external_id, "device": mapping.device_id}
    if mapping.alias is not None:
        parts |= {"alias_name": mapping.alias.name, "alias_label": mapping.alias.label}
    renamed: dict[str, str] = {}
    for field, value in parts.items():
        column = _plain_column(value)
        if column is not None:
            renamed[field] = column
        elif value is not None and not _is_fixed(field, value):
            return None
    when = mapping.member_when
    state_type = None if when is None else _type_of(when.in_)
    if when is not None:
        if state_type is None or len(when.column) != 1:
            return None
        renamed["state"] = when.column[0]
    if len(set(renamed.values())) != len(renamed):
        return None
    return PlainColumns(renamed, state_type)


def _plain_column(value: Value | None) -> str | None:
    if value is None or value.column is None or value.trim or value.lower:
        return None
    return value.column[0] if len(value.column) == 1 else None


def _is_fixed(field: str, value: Value) -> bool:
    """Tell whether a part that is no column is the same for all records of a topic."""
    if field == "cohort":
        return value.constant is not None or value.topic is not None
    plain = value.constant is not None and not (value.trim or value.lower)
    return plain and field == "alias_label"


def _type_of(values: Iterable[object]) -> Any:  # noqa: ANN401
    """Return the one type these JSON values have beside null, None where they have several."""
    values = tuple(values)
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) != 1 or UNAVAILABLE in values:
        return None
    kind = kinds.pop()
    return kind | None if kind in (str, bool, int) else None


def _envelope(renamed: dict[str, str], state_type: Any) -> Callable[[bytes], Any]:  # noqa: ANN401
    """Build the decoder. A field that no column fills is None for all rows."""
    types: dict[str, Any] = dict.fromkeys(
        ("cohort", "external", "device", "alias_name", "alias_label"), _Id
    )
    types["name"], types["state"] = str | None, state_type or None
    required = {"cohort": str | int, "state": state_type or None}
    fields: list[Any] = []
    for field in renamed:
        if field in required:  # Absent, it's a reject: never a default.
            fields.append((field, required[field]))
        else:
            fields.append((field, types[field], None))
    # Each field is looked for at each key of a row, so those that no column fills are none.
    unfilled = {field: None for field in types if field not in renamed}
    row = msgspec.defstruct(
        "Row", fields, rename=renamed, namespace=unfilled, kw_only=True, gc=False
    )
    op = str  # The loop knows the four it takes.
    images = [("before", row | None, None), ("after", row | None, None)]
    envelope = msgspec.defstruct("Envelope", [("op", op), *images], gc=False)
    return msgspec.json.Decoder(envelope).decode


def identifier(kinds: Sequence[str], mapping: Mapping) -> Callable[[Any], Member]:
    """Return how a row is identified by the first identifier that is there."""
    label = None if mapping.alias is None else mapping.alias.label.constant

    def identify(row: Any) -> Member:  # noqa: ANN401
        for kind in kinds:
            if kind == "external_id":
                external = certain(row.external)
                if external:
                    return external
            elif kind == "device_id":
                device = certain(row.device)
                if device:
                    return Device(device)
            else:
                alias = certain(row.alias_name), certain(label or row.alias_label)
                if alias[0] and alias[1]:
                    return Alias(alias[0], alias[1])
                if alias[0]:
                    raise DoubtError  # Half an alias.
        raise DoubtError

    return identify


def certain(raw: _Id) -> str | None:
    """Return an id as a text; raise `DoubtError` for what the slow path must look at."""
    if raw in (0, UNAVAILABLE):
        raise DoubtError
    return str(raw) if isinstance(raw, int) else raw
