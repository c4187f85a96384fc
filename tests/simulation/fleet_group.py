"""Who of a large group owns which partitions: joins, leaves, sessions that run out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Member(Protocol):
    """A replica, as the coordinator knows it."""

    owned: set[int]

    def told(self, owned: set[int], now_s: float) -> None:
        """These are its partitions from now on."""

    @property
    def hears(self) -> bool:
        """It is alive and not frozen: what is revoked is given up before others get it."""


class Group:
    """Cooperative and sticky: a partition moves only where another member has too few.

    What a member holds that is dead or frozen is nobody's until its session has run out, so no
    partition is ever owned twice. The member itself may believe otherwise for as long as its
    lease lasts, which is shorter.
    """

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._members: list[Member] = []
        self.rebalances = 0

    def join(self, member: Member, now_s: float) -> None:
        """A member comes."""
        self._members.append(member)
        self.rebalance(now_s)

    def leave(self, members: Iterable[Member], now_s: float) -> None:
        """Members go, by themselves or since their sessions have run out."""
        for member in members:
            if member in self._members:
                self._members.remove(member)
        self.rebalance(now_s)

    def rebalance(self, now_s: float) -> None:
        """Share out again what nobody has, and what somebody has too much of."""
        self.rebalances += 1
        free = set(range(self._partitions)).difference(*(m.owned for m in self._members))
        hearing = [member for member in self._members if member.hears]
        if not hearing:
            return
        here = sum(len(member.owned) for member in hearing) + len(free)
        least, more = divmod(here, len(hearing))
        richest = sorted(hearing, key=lambda member: -len(member.owned))
        wanted = {id(m): least + (at < more) for at, m in enumerate(richest)}
        for member in richest:
            kept = set(sorted(member.owned)[: wanted[id(member)]])
            free |= member.owned - kept
            if kept != member.owned:
                member.told(kept, now_s)
        for member in richest:
            got = {free.pop() for _ in range(wanted[id(member)] - len(member.owned))}
            if got:
                member.told(member.owned | got, now_s)
        assert not free, free
        owned = [each for member in self._members for each in member.owned]
        assert len(owned) == len(set(owned)), "a partition is owned twice"
