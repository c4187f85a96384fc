"""What a topic's records look like: format, encodings, and which column is what. Pure.

A guess where the bytes leave a choice, and `CHANGE_ME` where a person has to say it. No value of a
record is in it but words that mean an operation or a state (`columns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from daemon.config.presets import PRESETS
from daemon.tools.init import columns
from daemon.tools.init.opening import Opened

CHANGE_ME: Final = "CHANGE_ME"
_MARKERS: Final = (
    ("METADATA$ACTION", "snowflake-stream"),
    ("METADATA_ACTION", "snowflake-stream"),
    ("_change_type", "databricks-cdf"),
    ("_CHANGE_TYPE", "bigquery-changes"),
    ("__deleted", "debezium-flattened"),
    ("__op", "debezium-flattened"),
)
_TWO_RECORDS: Final = frozenset({"snowflake-stream", "databricks-cdf"})
_SEGMENT: Final = ("Audience Entered", "Audience Exited")


@dataclass(slots=True)
class Guess:
    """An input's section, and what is left to decide, one line each."""

    entry: dict[str, Any]
    left: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Nothing is marked in the input."""
        return CHANGE_ME not in str(self.entry)


def guess(topic: str, keys: Opened, values: Opened) -> Guess:
    """Return how these records would be read."""
    made = Guess({"topic": topic})
    rows = [row for row in values.contents if isinstance(row, dict)]
    if values.kind in ("avro", "json-schema"):
        made.entry["encoding"] = values.kind
    elif values.kind == "string":
        made.left.append("inputs: the values are neither JSON nor in a registry's framing")
    _guess_format(made, rows, keys, values)
    _guess_key_encoding(made, keys, values)
    return made


def _guess_key_encoding(made: Guess, keys: Opened, values: Opened) -> None:
    same = values.kind if values.kind in ("avro", "json-schema") else "json"
    if keys.kind not in ("none", same):
        made.entry["key_encoding"] = "json" if keys.kind == "json-schema" else keys.kind


def _guess_format(made: Guess, rows: Sequence[columns.Row], keys: Opened, values: Opened) -> None:
    if rows and sum(_is_native(row) for row in rows) * 2 > len(rows):
        return  # The default.
    images = [image for row in rows if (image := _image(row)) is not None]
    if images:
        made.entry["format"] = "debezium"
        _map_columns(made, images)
        _member_when(made, images)
    elif (preset := _preset(rows)) is not None:
        made.entry["format"] = "rows"
        _map_columns(made, rows, preset)
    elif not values.unread and (values.nulls or not rows):
        _guess_upsert(made, keys, rows)
    else:
        made.entry["format"] = "rows"
        _map_columns(made, rows)
        _operation(made, rows)
    if not rows and values.kind in ("avro", "json-schema"):
        made.left.insert(0, "inputs: give --registry URL, and the columns are looked at too")


def _is_native(row: columns.Row) -> bool:
    event = row.get("data", row) if "specversion" in row else row  # CloudEvents around it.
    return isinstance(event, dict) and "cohort_id" in event and event.get("op") in ("add", "remove")


def _image(row: columns.Row) -> columns.Row | None:
    """Return the row within a change event, None where it is none."""
    if not {"before", "after"} & row.keys() or not {"op", "source", "before"} & row.keys():
        return None
    return next((row[s] for s in ("after", "before") if isinstance(row.get(s), dict)), None)


def _preset(rows: Sequence[columns.Row]) -> str | None:
    names = {name for row in rows for name in row}
    for marker, preset in _MARKERS:
        if marker in names:
            return preset
    if any(row.get("event") in _SEGMENT for row in rows):
        return "segment-track"
    if {"status", "person_id", "cohort_id"} <= names:
        return "posthog"
    return None


def _map_columns(made: Guess, rows: Sequence[columns.Row], preset: str | None = None) -> None:
    names = columns.names_of(rows)
    mapping = made.entry["mapping"] = {}
    given: Mapping[str, object] = {}
    if preset is not None:
        mapping["preset"] = preset
        given = PRESETS[preset].mapping
        if preset in _TWO_RECORDS:
            mapping["old_images"] = "remove"
        if preset == "debezium-flattened":
            mapping["on_null"] = "ignore"
            made.left.append(
                "inputs[0].mapping.on_null: ignore suits delete.tombstone.handling.mode"
                " rewrite-with-tombstone; remove suits tombstone"
            )
    if "cohort_id" not in given:
        _value(made, "cohort_id", columns.find(names, columns.COHORT))
    if name := columns.find(names, columns.NAME):
        mapping["cohort_name"] = {"column": columns.path(name)}
    if "external_id" not in given:
        _identity(made, names)
    if "occurred_at" not in given and (time := columns.find(names, columns.TIME)):
        mapping["occurred_at"] = {"column": columns.path(time)}


def _value(made: Guess, name: str, column: str | None) -> None:
    made.entry["mapping"][name] = {"column": columns.path(column) if column else CHANGE_ME}
    if column is None:
        made.left.append(f"inputs[0].mapping.{name}: no column has a name we know")


def _identity(made: Guess, names: Mapping[str, str]) -> None:
    mapping = made.entry["mapping"]
    external = columns.find(names, columns.EXTERNAL)
    email, device = columns.find(names, columns.EMAIL), columns.find(names, columns.DEVICE)
    if email:
        name = {"column": columns.path(email), "trim": True, "lower": True}
        mapping["alias"] = {"name": name, "label": {"constant": "email"}}
        made.left.append("inputs[0].mapping.alias: keep it only if Braze has such aliases")
    if device:
        mapping["device_id"] = {"column": columns.path(device)}
    if external or not (email or device):
        _value(made, "external_id", external)


def _member_when(made: Guess, rows: Sequence[columns.Row]) -> None:
    status = columns.find(columns.names_of(rows), columns.STATUS)
    if status is None:
        return
    members = columns.member_values(rows, status)
    made.entry["mapping"]["member_when"] = {
        "column": columns.path(status),
        "in": members or [CHANGE_ME],
    }
    seen = "of those sampled" if members else "none of those sampled is a word we know"
    made.left.append(f"inputs[0].mapping.member_when: all values that mean membership; {seen}")


def _operation(made: Guess, rows: Sequence[columns.Row]) -> None:
    """Find what says how a row changed: an operation's column, else a state's."""
    column = columns.find(columns.names_of(rows), columns.OP)
    found = columns.operations(rows, column) if column else None
    if column and found:
        made.entry["mapping"]["op"] = {"column": columns.path(column), **found}
        made.left.append("inputs[0].mapping.op: values that were not sampled are missing")
        return
    _member_when(made, rows)
    if "member_when" not in made.entry["mapping"]:
        made.entry["mapping"]["op"] = {"column": CHANGE_ME, "add": [CHANGE_ME], "remove": []}
        made.left.append("inputs[0].mapping.op: which column says that a row came or went")


def _guess_upsert(made: Guess, keys: Opened, rows: Sequence[columns.Row]) -> None:
    made.entry["format"] = "upsert"
    mapping = made.entry["mapping"] = {}
    objects = [key for key in keys.contents if isinstance(key, dict)]
    names = columns.names_of(objects)
    cohort, user = columns.find(names, columns.COHORT), columns.find(names, columns.EXTERNAL)
    mapping["cohort_id"] = {"key": columns.path(cohort)} if cohort else {"topic": ".*"}
    if cohort is None:
        made.left.append("inputs[0].mapping.cohort_id: the topic's name, or a part of it: (…)")
    if objects:
        mapping["external_id"] = {"key": columns.path(user) if user else CHANGE_ME}
    else:
        mapping["external_id"] = {"key": "."}
    if not objects or user is None:
        made.left.append("inputs[0].mapping.external_id: what in the key names the user")
    _member_when(made, rows)
