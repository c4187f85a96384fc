"""What the answers to all cohorts together say of Braze: well, out, holding us, refusing all."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daemon.core.verdict import Answer, Verdict

# A hold is tried again this often; a key file that changed tries at once (G11).
HOLD_PROBE_S = 15.0

# No success for this long and this many attempts is an outage, probed slowly (G8).
OUTAGE_AFTER_S = 10.0
OUTAGE_ATTEMPTS = 16
OUTAGE_PROBE_S = 5.0

# A flush that was never tried may show that only others are refused: it goes at this pace.
FRESH_PROBE_S = 1.0

# An accepted update this close to a refusal shows that the refused member is the culprit (G12).
EVIDENCE_S = 60.0

# Why an attempt fails while nobody gets through, and no cohort is to blame.
OUTAGE_TROUBLES = frozenset(
    {"connect", "timeout", "reset", "truncated", "server_error", "request_timeout"}
)

# Retries that say nothing of Braze's health: it is up, and answers.
_ALIVE = frozenset({"locked", "rate_limited"})


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing may be sent: a closed reason, and what was said."""

    reason: str
    detail: str
    since_s: float


class Health:
    """Told each answer; says when an attempt may start.

    Well: at once. In a hold, an outage, or while all is refused: one attempt at a time, at the
    probing interval, until one is accepted.
    """

    def __init__(self) -> None:
        self.hold: Hold | None = None
        self.refusing = False  # Something was refused alone, and nothing shows it is the culprit.
        self.accepted_at_s = -math.inf  # The last accepted update.
        self._failures = 0
        self._failing_since_s = math.inf
        self._started_at_s = -math.inf

    def out(self, now_s: float) -> bool:
        """Tell whether nothing has succeeded for long enough to call it an outage."""
        return self._failures >= OUTAGE_ATTEMPTS and now_s - self._failing_since_s >= OUTAGE_AFTER_S

    def well(self, now_s: float) -> bool:
        """Tell whether nothing stands in the way of sending."""
        return self.hold is None and not self.refusing and not self.out(now_s)

    @property
    def doubtful(self) -> bool:
        """What was refused may be one cohort's fault: another may show it."""
        if self.hold is None:
            return self.refusing
        return self.hold.reason == "not_found"

    def evidence(self, at_s: float) -> bool:
        """Tell whether Braze took an update near this time, so that a refusal is no hold."""
        return abs(self.accepted_at_s - at_s) <= EVIDENCE_S

    def start_at_s(self, now_s: float, *, on_wire: int, fresh: bool) -> float:
        """Return when the next attempt may start; never, while a probe is on the wire.

        `fresh`: a flush is ready that was never tried.
        """
        if self.well(now_s):
            return now_s
        if on_wire:
            return math.inf
        if self.doubtful:
            pace_s = FRESH_PROBE_S if fresh else HOLD_PROBE_S
            if self.hold is None and self.out(now_s):  # No answer shows anything of anybody.
                pace_s = max(pace_s, OUTAGE_PROBE_S)
        else:
            pace_s = OUTAGE_PROBE_S if self.hold is None else HOLD_PROBE_S
        return max(now_s, self._started_at_s + pace_s)

    def started(self, now_s: float) -> None:
        """An attempt has started."""
        self._started_at_s = now_s

    def probe_now(self) -> None:
        """Something changed that may end a hold, such as a key file."""
        self._started_at_s = -math.inf

    def heard(self, answer: Answer, now_s: float, *, update: bool, cohort_only: bool) -> None:
        """Learn from an answer. `cohort_only`: it concerns one cohort while others succeed."""
        match answer.verdict:
            case Verdict.ACCEPTED:
                self.hold = None
                self._failures = 0
                self._failing_since_s = math.inf
                if update:
                    self.accepted_at_s = now_s
            case Verdict.REFUSED:
                self.hold = None  # Refused by its content, so the credentials were taken.
            case Verdict.BLOCKED if not cohort_only:
                since_s = self.hold.since_s if self.hold else now_s
                self.hold = Hold(answer.reason, answer.detail, since_s)
            case Verdict.RETRY if answer.reason not in _ALIVE:
                self._failures += 1
                self._failing_since_s = min(self._failing_since_s, now_s)
            case _:
                pass
