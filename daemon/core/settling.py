"""Members an ambiguous attempt named, until Braze can no longer apply it late (G4)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from daemon.core.model import Listed, Member, Merged


class Settling:
    """Who must not be changed the opposite way yet.

    The same direction need not wait: applied late, it says what is true already. So only windows
    that hold the opposite of a listed member wait, and a busy cohort keeps flowing.
    """

    def __init__(self) -> None:
        self._listed: dict[str, dict[Member, tuple[bool, float]]] = {}
        self._settled_at_s: dict[str, float] = {}  # The cohort longest untouched comes first.

    def add(self, cohort: str, listed: Sequence[Listed], now_s: float) -> None:
        """Note what was ambiguous, and forget what has settled."""
        self.forget(now_s)
        if not listed and cohort not in self._listed:
            return
        self._settled_at_s.pop(cohort, None)
        found = {
            member: word for member, word in self._listed.pop(cohort, {}).items() if word[1] > now_s
        }
        for entry in listed:
            # One pair for all that say the same: a pair for each member would cost as much as it.
            words = {add: (add, entry.until_s) for add in (True, False)}
            for member, add in entry.changes.items():
                known = found.get(member)
                if known is None or known[0] is not add or known[1] < entry.until_s:
                    found[member] = words[add]
        if found:
            self._listed[cohort] = found
            self._settled_at_s[cohort] = max(until_s for _, until_s in found.values())

    def forget(self, now_s: float) -> None:
        """Forget cohorts that have settled, so that one without further changes leaves nothing."""
        while self._settled_at_s:
            cohort, settled_at_s = next(iter(self._settled_at_s.items()))
            if settled_at_s > now_s:
                return
            del self._settled_at_s[cohort]
            del self._listed[cohort]

    def held_until_s(self, cohort: str, changes: Merged, now_s: float) -> float:
        """Return when these changes may leave; a time not after now means at once."""
        listed = self._listed.get(cohort)
        if listed is None:
            return -math.inf
        held_until_s = -math.inf
        for member, (add, until_s) in listed.items():
            if until_s <= now_s:
                continue
            if changes.get(member, add) is not add:
                held_until_s = max(held_until_s, until_s)
        return held_until_s
