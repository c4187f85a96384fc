"""The bodies of Braze's two cohort endpoints, exactly as documented ("Cohort import").

Pure. A body has two parts: the one without credentials is encoded once (`bodies` keeps it for a
retry); the credentials join it when it is sent, so a new key is used at once and none waits in
memory. Upholds G3: one cohort, 1 to 1,000 ids, each once, at most 1 MiB.
"""

from __future__ import annotations

from itertools import compress
from operator import not_
from typing import Any, Final

import orjson

from daemon.braze.credentials import Credentials
from daemon.core.model import Alias, CohortUpdate, Device

IDS_MAX: Final = 1_000  # Over all kinds and both directions: Braze, "Cohort import".
BODY_BYTES_MAX: Final = 1 << 20

NO_CHANGES: Final = b"[]"  # The encoded part of a probe.


def encode_update(update: CohortUpdate) -> bytes:
    """Return the `cohort_changes` of the update: its adds, then its removals, in order."""
    assert 1 <= len(update) <= IDS_MAX, len(update)
    if set(map(type, update.changes)) == {str}:  # Nearly always; a tenth of the cost.
        return orjson.dumps(_of_users(update))
    adds: dict[str, Any] = {}
    removals: dict[str, Any] = {}
    for member, add in update.changes.items():
        entry = adds if add else removals
        if isinstance(member, str):
            entry.setdefault("user_ids", []).append(member)
        elif isinstance(member, Device):
            entry.setdefault("device_ids", []).append(member.id)
        else:
            entry.setdefault("aliases", []).append(_alias(member))
    if removals:
        removals["should_remove"] = True
    return orjson.dumps([entry for entry in (adds, removals) if entry])


def _of_users(update: CohortUpdate) -> list[dict[str, Any]]:
    added = list(compress(update.changes, update.changes.values()))
    entries: list[dict[str, Any]] = [{"user_ids": added}] if added else []
    if len(added) < len(update):
        removed = list(compress(update.changes, map(not_, update.changes.values())))
        entries.append({"user_ids": removed, "should_remove": True})
    return entries


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
    for member in update.changes:
        if isinstance(member, str):
            ids.add(member)
        elif isinstance(member, Device):
            ids.add(member.id)
        else:
            ids.add(member.name)
    return frozenset(ids)


def _alias(alias: Alias) -> dict[str, str]:
    return {"alias_name": alias.name, "alias_label": alias.label}
