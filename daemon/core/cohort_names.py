"""Under which name Braze knows each cohort, as far as this process has told it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from daemon.core.verdict import Verdict

# A cohort whose events disagree about its name is renamed at most this often.
RENAME_EVERY_S = 60.0


class CohortNames:
    """Announced names. Announcing again is harmless, so nothing of this need outlive the process.

    A cohort is announced before its first members; its new name follows at most once a minute,
    and by itself where no further flush brings it.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.renames = 0
        self._enabled = enabled
        self._known: dict[str, tuple[str, float]] = {}
        self._late: dict[str, tuple[str, float]] = {}
        self._queued: dict[str, float] = {}

    def must_announce(self, cohort: str, name: str, now_s: float) -> bool:
        """Tell whether the cohort must be announced before members are sent under this name."""
        if not self._enabled:
            return False
        known, at_s = self._known.get(cohort, (None, -math.inf))
        nameless = name == cohort and known is not None  # Its id stands in for a name not known.
        if known == name or nameless:
            self._late.pop(cohort, None)
            return False
        if known is not None and now_s - at_s < RENAME_EVERY_S:
            self._late[cohort] = (name, at_s + RENAME_EVERY_S)
            return False
        self._late.pop(cohort, None)  # It is told now; where that fails it is late again.
        return True

    def due_at_s(self) -> float:
        """Return when the next late rename is due; may be never."""
        return min((at_s for _, at_s in self._late.values()), default=math.inf)

    def take_due(self, now_s: float) -> tuple[str, str] | None:
        """Return a cohort and its newest name, where a late rename is due."""
        for cohort, (name, at_s) in self._late.items():
            if at_s <= now_s:
                del self._late[cohort]
                return cohort, name
        return None

    def finished(self, cohort: str, name: str, verdict: Verdict, now_s: float) -> None:
        """An announcement was answered. A rename that failed is tried again a minute later."""
        known = self._known.get(cohort)
        if verdict is Verdict.ACCEPTED:
            self.renames += known is not None and known[0] != name
            self._known[cohort] = (name, now_s)
        elif known is not None:
            self._known[cohort] = (known[0], now_s)
            self._late.setdefault(cohort, (name, now_s + RENAME_EVERY_S))

    def remember(self, names: Mapping[str, str]) -> None:
        """Take in what was announced before, or by another process; the newest comes last."""
        for cohort, name in names.items():
            _, at_s = self._known.get(cohort, (name, -math.inf))
            self._known[cohort] = (name, at_s)
            if self._late.get(cohort, ("", 0.0))[0] == name:
                del self._late[cohort]  # Another process has told it.

    def knows(self, cohort: str) -> bool:
        """Tell whether the cohort has been announced, under whatever name."""
        return cohort in self._known

    def vouched(self, cohort: str) -> bool:
        """Tell whether Braze has taken the cohort from this very process, or need not have."""
        return not self._enabled or self._known.get(cohort, ("", -math.inf))[1] > -math.inf

    def queued(self, cohort: str, until_s: float) -> None:
        """Braze took the announcement but has only queued it (202)."""
        self._queued[cohort] = until_s

    def is_queued(self, cohort: str, now_s: float) -> bool:
        """Tell whether the announcement may still be waiting at Braze."""
        until_s = self._queued.get(cohort)
        if until_s is not None and until_s <= now_s:
            del self._queued[cohort]
        return cohort in self._queued

    def forget(self, cohort: str) -> None:
        """Braze does not know this cohort, whatever it said before."""
        self._known.pop(cohort, None)
