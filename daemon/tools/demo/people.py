"""The users of the demo's shop, each known to Braze in one way, and the records' key for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from daemon.tools.demo.cohorts import Kind

USERS_OF_A_KIND = 2_500

_NAMES = ("ada", "bo", "chloë", "dimitri", "eve", "farid", "grete", "hiro", "inés", "jamal")


@dataclass(frozen=True, slots=True)
class User:
    """A user; `id` is the external id, the e-mail address or the device id."""

    kind: Kind
    id: str

    @property
    def key(self) -> bytes:
        """The key of every record about this user: so all of them stand in one partition."""
        return self.id.encode()

    def identifiers(self, *, all_known: bool) -> dict[str, object]:
        """Return the event's fields; with `all_known` also ids of lower rank, which don't count."""
        if self.kind is Kind.EMAIL:
            fields: dict[str, object] = {"alias": {"name": self.id, "label": "email"}}
            return fields | ({"device_id": _device(self.id)} if all_known else {})
        if self.kind is Kind.DEVICE:
            return {"device_id": self.id}
        extra: dict[str, object] = {
            "alias": {"name": f"{self.id}@shop.example", "label": "email"},
            "device_id": _device(self.id),
        }
        known: dict[str, object] = {"external_id": self.id}
        return {**known, **extra} if all_known else known


class Crowd:
    """Users in and out of one cohort: who is in may be asked, and one be taken by chance."""

    def __init__(self, users: list[User]) -> None:
        self._sides: dict[bool, list[User]] = {False: list(users), True: []}
        self._place = {user: (False, index) for index, user in enumerate(users)}

    def __contains__(self, user: User) -> bool:
        return self._place[user][0]

    def pick(self, chance: Random, *, member: bool) -> User | None:
        """Return a user who is in, or one who is not; None where there is none."""
        side = self._sides[member]
        return side[chance.randrange(len(side))] if side else None

    def put(self, user: User, *, member: bool) -> None:
        """Move the user in or out; nothing happens where that is so already."""
        old, index = self._place[user]
        if old is member:
            return
        side, last = self._sides[old], self._sides[old][-1]
        side[index] = last
        self._place[last] = (old, index)
        side.pop()
        self._place[user] = (member, len(self._sides[member]))
        self._sides[member].append(user)

    def members(self) -> tuple[User, ...]:
        """Return who is in now."""
        return tuple(self._sides[True])


def people() -> dict[Kind, list[User]]:
    """Return everybody, the same for every day."""
    return {kind: [User(kind, each) for each in _ids(kind)] for kind in Kind}


def _ids(kind: Kind) -> Iterator[str]:
    for number in range(USERS_OF_A_KIND):
        if kind is Kind.KNOWN:
            yield f"customer-{100_000 + number * 37}"
        elif kind is Kind.EMAIL:
            yield f"{_NAMES[number % len(_NAMES)]}.{number}@mail.example"
        else:
            yield _device(str(number))


def _device(of: str) -> str:
    digest = hashlib.sha256(of.encode()).hexdigest().upper()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:28]}"
