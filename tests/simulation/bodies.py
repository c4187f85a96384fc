"""What the real body of a request lists, read as Braze reads it."""

from __future__ import annotations

from typing import Any

import orjson

from daemon.braze import body
from daemon.core.model import Alias, CohortUpdate, Device, Member


def listed_in(update: CohortUpdate) -> list[tuple[Member, bool]]:
    """Return every member that is named, as often as it is, and whether it is added."""
    changes: list[dict[str, Any]] = orjson.loads(body.encode_update(update))
    return [
        (member, not change.get("should_remove", False))
        for change in changes
        for member in _members(change)
    ]


def _members(change: dict[str, Any]) -> list[Member]:
    return [
        *change.get("user_ids", []),
        *(Device(named) for named in change.get("device_ids", [])),
        *(Alias(a["alias_name"], a["alias_label"]) for a in change.get("aliases", [])),
    ]
