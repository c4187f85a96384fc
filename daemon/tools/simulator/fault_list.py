"""Which fault hits which request. Chance is seeded: the same requests meet the same faults.

It must not know what a fault does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from daemon.core.model import Alias, Device, Member
from daemon.tools.simulator.faults import Fault, Kind, parse_fault


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a selector can ask about a request. `size` is that of the body in bytes."""

    endpoint: str
    cohort: str = ""
    members: tuple[Member, ...] = ()
    size: int = 0


class Hit(NamedTuple):
    """The fault that a request meets, if any, and the delay of those that only delay."""

    fault: Fault | None
    delay_s: float = 0.0


_UNHURT = Hit(None)


class _Armed:
    """A fault and how often it was met; its chance is its own, whatever other faults stand."""

    def __init__(self, fault: Fault, chance: Random) -> None:
        self.fault = fault
        self.chance = chance
        self.seen = 0
        self.hits = 0
        self._burst_left = 0

    def hits_now(self, candidate: Candidate) -> bool:
        fault = self.fault
        if not _selects(fault, candidate):
            return False
        self.seen += 1
        if self.seen <= fault.after or (fault.count is not None and self.hits >= fault.count):
            return False
        if self._burst_left > 0:
            self._burst_left -= 1
        elif self.chance.random() < fault.rate:
            self._burst_left = fault.burst - 1
        else:
            return False
        self.hits += 1
        return True

    def delay_s(self) -> float:
        return self.fault.delay_s + self.chance.uniform(0.0, self.fault.jitter_s)


class FaultList:
    """The faults in force. The first that hits wins; those that only delay add up before it."""

    def __init__(self, specs: Iterable[str] = (), seed: int = 0) -> None:
        self._seed = seed
        self._armed: list[_Armed] = []
        self.replace(specs)

    def replace(self, specs: Iterable[str]) -> None:
        """Put these in force and forget the old; raises SettingsError and changes nothing."""
        faults = [parse_fault(spec) for spec in specs]
        self._armed = [
            _Armed(fault, Random(f"{self._seed}:{place}:{fault.spec}"))
            for place, fault in enumerate(faults)
        ]

    def early(self, endpoint: str) -> bool:
        """Return whether a request is reset before its body was read."""
        candidate = Candidate(endpoint)
        return any(
            armed.hits_now(candidate)
            for armed in self._armed
            if armed.fault.kind is Kind.DROP_DURING
        )

    def choose(self, candidate: Candidate) -> Hit:
        """Return what a request meets that was read whole."""
        if not self._armed:
            return _UNHURT
        delay_s = 0.0
        for armed in self._armed:
            if armed.fault.kind is Kind.DROP_DURING or not armed.hits_now(candidate):
                continue
            delay_s += armed.delay_s()
            if armed.fault.kind is not Kind.DELAY:
                return Hit(armed.fault, delay_s)
        return Hit(None, delay_s)

    def as_json(self) -> list[dict[str, object]]:
        """Return every fault with the requests it was asked about and those it hit."""
        return [
            {"fault": armed.fault.spec, "seen": armed.seen, "hits": armed.hits}
            for armed in self._armed
        ]


def _selects(fault: Fault, candidate: Candidate) -> bool:
    if fault.endpoint is not None and fault.endpoint != candidate.endpoint:
        return False
    if candidate.size < fault.over:
        return False
    if fault.cohort is not None and not fault.cohort.match(candidate.cohort):
        return False
    member = fault.member
    return member is None or any(member.match(_id(each)) for each in candidate.members)


def _id(member: Member) -> str:
    """Return what a glob on members is held against: of an alias the name, not the label."""
    if isinstance(member, Alias):
        return member.name
    return member.id if isinstance(member, Device) else member
