"""The bodies of Braze's two cohort endpoints, exactly as documented ("Cohort import").

Pure. A body has two parts: the one without credentials is encoded once (`bodies` keeps it for a
retry); the credentials join it when it is sent, so a new key is used at once and none waits in
memory. Upholds G3: one cohort, 1 to 1,000 ids, each once, at most 1 MiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from daemon.braze.credentials import Credentials
from daemon.core.model import Alias, CohortUpdate, Device, Member

IDS_MAX: Final = 1_000  # Over all kinds and both directions: Braze, "Cohort import".
BODY_BYTES_MAX: Final = 1 << 20

NO_CHANGES: Final = b"[]"  # The encoded part of a probe.


def encode_update(update: CohortUpdate) -> bytes:
    """Return the `cohort_changes` of the update: its adds, then its removals, in order."""
    assert 1 <= len(update) <= IDS_MAX, len(update)
    try:
        return orjson.dumps(_entries({"user_ids": update.added}, {"user_ids": update.removed}))
    except TypeError:  # Some member is no text: orjson does not take a tuple that has a name.
        return orjson.dumps(_entries(_by_kind(update.added), _by_kind(update.removed)))


def _entries(added: dict[str, Any], removed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return those of the two that name somebody."""
    entries = [added] if any(added.values()) else []
    if any(removed.values()):
        entries.append({**removed, "should_remove": True})
    return entries


def _by_kind(members: Iterable[Member]) -> dict[str, list[Any]]:
    entry: dict[str, list[Any]] = {}
    for member in members:
        if isinstance(member, str):
            entry.setdefault("user_ids", []).append(member)
        elif isinstance(member, Device):
            entry.setdefault("device_ids", []).append(member.id)
        else:
            entry.setdefault("aliases", []).append(_alias(member))
    return entry


def users_body(credentials: Credentials, cohort_id: str, encoded: bytes) -> bytes:
    """Return the whole body of `/cohorts/users` for what `encode_update` made."""
    assert cohort_id
    head = orjson.dumps(
        {
            "partner_api_key": credentials.partner_api_key,
            "client_secret": credentials.client_secret,
            "cohort_id": cohort_id,
        }
    )
    body = b'%b,"cohort_changes":%b}' % (head[:-1], encoded)
    assert len(body) <= BODY_BYTES_MAX, len(body)
    return body


def cohort_body(credentials: Credentials, cohort_id: str, name: str, created_at: str) -> bytes:
    """Return the whole body of `/cohorts`; `created_at` is an ISO-8601 time."""
    assert cohort_id
    assert name
    assert created_at
    return orjson.dumps(
        {
            "partner_api_key": credentials.partner_api_key,
            "client_secret": credentials.client_secret,
            "cohort_id": cohort_id,
            "name": name,
            "created_at": created_at,
        }
    )


def ids_of(update: CohortUpdate) -> frozenset[str]:
    """Return every text that names a member in the update: never to be quoted (G13)."""
    ids: set[str] = set()
    for member in update.members:
        if isinstance(member, str):
            ids.add(member)
        elif isinstance(member, Device):
            ids.add(member.id)
        else:
            ids.add(member.name)
    return frozenset(ids)


def _alias(alias: Alias) -> dict[str, str]:
    return {"alias_name": alias.name, "alias_label": alias.label}
