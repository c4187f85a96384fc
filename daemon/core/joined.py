"""The lanes of a large flush, read as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, ValuesView

from daemon.core.model import Changes, Member


class Joined(Mapping[Member, bool]):
    """Changes that have no member in common; to copy them into one table would cost it twice."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Changes]) -> None:
        self.parts = tuple(parts)

    def __getitem__(self, member: Member) -> bool:
        for part in self.parts:
            if member in part:
                return part[member]
        raise KeyError(member)

    def __iter__(self) -> Iterator[Member]:
        return itertools.chain.from_iterable(self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def values(self) -> ValuesView[bool]:
        """Return what a dict's `values` does, as quick to walk through."""
        return _Values(self)


class _Values(ValuesView[bool]):
    _mapping: Joined

    def __iter__(self) -> Iterator[bool]:
        return itertools.chain.from_iterable(part.values() for part in self._mapping.parts)
