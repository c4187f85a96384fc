"""Braze's way to write members down: three lists, one for each kind of identifier.

Reads and writes `{"user_ids": […], "device_ids": […], "aliases": [{"alias_name", "alias_label"}]}`.
It must not know what the members are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeGuard

from daemon.core.model import Alias, Device, Member

MemberLists: TypeAlias = dict[str, list[str] | list[dict[str, str]]]

KINDS = ("user_ids", "device_ids", "aliases")


def read_members(lists: Mapping[str, object]) -> list[Member] | None:
    """Return the members of all three lists, or None where one of them is not what it must be.

    Also None where there is no list at all. Other keys are ignored.
    """
    users, devices, aliases = (lists.get(kind) for kind in KINDS)
    if users is None and devices is None and aliases is None:
        return None
    members: list[Member] = []
    if users is not None:
        if not _strings(users):
            return None
        members.extend(users)
    if devices is not None:
        if not _strings(devices):
            return None
        members.extend(map(Device, devices))
    if aliases is not None:
        read = _read_aliases(aliases)
        if read is None:
            return None
        members.extend(read)
    return members


def write_members(members: Iterable[Member]) -> MemberLists:
    """Return the three lists, each sorted; aliases by label, then name."""
    users: list[str] = []
    devices: list[str] = []
    aliases: list[Alias] = []
    for member in members:
        if isinstance(member, str):
            users.append(member)
        elif isinstance(member, Device):
            devices.append(member.id)
        else:
            aliases.append(member)
    aliases.sort(key=lambda alias: (alias.label, alias.name))
    return {
        "user_ids": sorted(users),
        "device_ids": sorted(devices),
        "aliases": [{"alias_name": alias.name, "alias_label": alias.label} for alias in aliases],
    }


def _strings(ids: object) -> TypeGuard[list[str]]:
    return isinstance(ids, list) and set(map(type, ids)) <= {str}


def _read_aliases(aliases: object) -> list[Alias] | None:
    if not isinstance(aliases, list):
        return None
    read: list[Alias] = []
    for alias in aliases:
        if not isinstance(alias, dict):
            return None
        name, label = alias.get("alias_name"), alias.get("alias_label")
        if not isinstance(name, str) or not isinstance(label, str):
            return None
        read.append(Alias(name, label))
    return read
