"""Which column is what, by the names people give to columns. Pure; a guess, and said to be one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

# In the order of how sure a name makes us.
COHORT: Final = (
    "cohort_id",
    "cohort",
    "audience_key",
    "audience_id",
    "audience",
    "segment_id",
    "segment",
    "list_id",
    "cohort_key",
)
EXTERNAL: Final = (
    "external_id",
    "external_user_id",
    "user_id",
    "userid",
    "customer_id",
    "member_id",
    "person_id",
    "profile_id",
    "account_id",
    "uid",
)
NAME: Final = ("cohort_name", "audience_name", "segment_name", "computation_name")
DEVICE: Final = ("device_id", "deviceid")
EMAIL: Final = ("email", "email_address")
TIME: Final = ("updated_at", "occurred_at", "modified_at", "last_updated", "changed_at")
STATUS: Final = ("status", "state", "membership_status", "is_member", "active", "is_active")
OP: Final = ("op", "operation", "change_type", "action", "change", "event_type", "event")

# Words that mean something wherever they stand; no other value of a record is ever printed.
ADD: Final = ("add", "added", "insert", "inserted", "create", "created", "upsert", "entered")
ADD_TOO: Final = ("c", "i", "r", "u", "update", "updated", "join", "joined", "enter")
REMOVE: Final = ("remove", "removed", "delete", "deleted", "exited", "left", "leave", "exit", "d")
MEMBER: Final = ("active", "member", "in", "enabled", "subscribed", "entered", "true", "yes")
NOT_MEMBER: Final = ("inactive", "left", "out", "disabled", "removed", "exited", "false", "no")

Row = Mapping[str, Any]
_DISTINCT_MAX: Final = 12


def names_of(rows: Iterable[Row]) -> dict[str, str]:
    """Return the columns of all rows as they are spelt, by their plain spelling."""
    return {_plain(name): name for row in rows for name in row}


def find(names: Mapping[str, str], wanted: Sequence[str]) -> str | None:
    """Return the column of the first name that is there."""
    plain = (_plain(name) for name in wanted)
    return next((names[name] for name in plain if name in names), None)


def path(name: str) -> str:
    """Return a column's name as a PATH."""
    return f'"{name}"' if "." in name else name


def operations(rows: Sequence[Row], column: str) -> dict[str, list[object]] | None:
    """Return which of its values add and remove, None where it does not look like an operation."""
    values = _values(rows, column)
    if not values or not all(isinstance(value, str) for value in values):
        return None
    add = [v for v in values if str(v).lower() in ADD + ADD_TOO]
    remove = [v for v in values if str(v).lower() in REMOVE]
    if len(add) + len(remove) < len(values) or not values:
        return None
    return {"add": add, "remove": remove}


def member_values(rows: Sequence[Row], column: str) -> list[object] | None:
    """Return its values that mean membership, None where its values are not such words."""
    values = _values(rows, column)
    known = [v for v in values if str(v).lower() in MEMBER + NOT_MEMBER]
    if not values or len(known) < len(values):
        return None
    return [v for v in values if str(v).lower() in MEMBER]


def _values(rows: Sequence[Row], column: str) -> list[object]:
    """Return the distinct values, in order; none where there are too many to be words."""
    found: list[object] = []
    for row in rows:
        value = row.get(column)
        if value is not None and not isinstance(value, dict | list) and value not in found:
            found.append(value)
    return found if len(found) <= _DISTINCT_MAX else []


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(" ", "_")
