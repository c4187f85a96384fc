"""What a request to one of the two endpoints says, or in which of Braze's words it is refused.

Owns the documented 400 texts. It must not know who sent the request, nor what the cohorts hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import orjson

from daemon.core.model import Member
from daemon.tools.simulator.member_lists import read_members

IDS_MAX = 1000  # Over all kinds and all changes of one request.

BODY_TEXT = "request body must be a valid JSON object"
COHORT_ID_TEXT = "`cohort_id` must be a valid string"
NAME_TEXT = "`name` must be a non-empty string"
CREATED_AT_TEXT = "`created_at` must be a valid ISO-8601 time"
IDS_MAX_TEXT = "only 1,000 ids are allowed per request"
CHANGES_TEXT = (
    "`cohort_changes` must be an array of objects each with `user_ids` and/or `device_ids`"
    " mapping to an array of strings, or `aliases`"
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A cohort is created, or its name changed."""

    cohort: str
    name: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Update:
    """Members enter and leave a cohort. A member may stand in both lists: see `Workspace`."""

    cohort: str
    adds: tuple[Member, ...]
    removes: tuple[Member, ...]

    def __len__(self) -> int:
        return len(self.adds) + len(self.removes)


@dataclass(frozen=True, slots=True)
class Malformed:
    """The request can't be taken, whoever sends it: the text of the 400."""

    text: str


Content: TypeAlias = Announcement | Update | Malformed


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as it could be read. `readable` is False where it was no JSON object."""

    content: Content
    cohort: str = ""
    partner_api_key: object = field(default=None, repr=False)
    client_secret: object = field(default=None, repr=False)
    readable: bool = True

    @property
    def members(self) -> tuple[Member, ...]:
        """Every member that the request names; empty for an announcement."""
        content = self.content
        return content.adds + content.removes if isinstance(content, Update) else ()


def read_request(endpoint: str, body: bytes) -> Request:
    """Read the body of a request to the endpoint `cohorts` or `users`."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return Request(Malformed(BODY_TEXT), readable=False)
    found = fields.get("cohort_id")
    cohort = found if isinstance(found, str) else ""
    content: Content
    if not cohort:
        content = Malformed(COHORT_ID_TEXT)
    elif endpoint == "users":
        content = _read_update(cohort, fields)
    else:
        content = _read_announcement(cohort, fields)
    return Request(content, cohort, fields.get("partner_api_key"), fields.get("client_secret"))


def _read_announcement(cohort: str, fields: Mapping[str, object]) -> Announcement | Malformed:
    name, created_at = fields.get("name"), fields.get("created_at")
    if not isinstance(name, str) or not name:
        return Malformed(NAME_TEXT)
    if not isinstance(created_at, str) or not _is_time(created_at):
        return Malformed(CREATED_AT_TEXT)
    return Announcement(cohort, name, created_at)


def _read_update(cohort: str, fields: Mapping[str, object]) -> Update | Malformed:
    changes = fields.get("cohort_changes")
    if not isinstance(changes, list):
        return Malformed(CHANGES_TEXT)
    adds: list[Member] = []
    removes: list[Member] = []
    for change in changes:
        members = read_members(change) if isinstance(change, dict) else None
        if members is None:
            return Malformed(CHANGES_TEXT)
        remove = change.get("should_remove", False)
        # Braze doesn't say what it makes of "false" or null. Here an odd flag is never guessed.
        if not isinstance(remove, bool):
            return Malformed(CHANGES_TEXT)
        (removes if remove else adds).extend(members)
    if len(adds) + len(removes) > IDS_MAX:
        return Malformed(IDS_MAX_TEXT)
    return Update(cohort, tuple(adds), tuple(removes))


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
