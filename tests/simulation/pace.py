"""The request budget and the probing of one process, kept a second time and by itself (G8, G11)."""

from __future__ import annotations

import math

from daemon.core.verdict import Answer
from daemon.core.verdict import Verdict as Said
from tests.simulation.world import Violation, World

_EPSILON_S = 1e-6
_TOKEN_PART = 0.01  # Filling adds fractions; so much of a token may be missing.

# As the guarantees have it.
_OUTAGE_ATTEMPTS, _OUTAGE_AFTER_S, _OUTAGE_PROBE_S = 16, 10.0, 5.0
_HOLD_PROBE_S = 15.0
_EVIDENCE_S = 60.0
_COOL_S_MIN, _COOL_S_MAX = 1.0, 3_720.0


class Pace:
    """Told every attempt and every answer; objects to an attempt that comes too early."""

    def __init__(self, world: World, burst: int, per_hour: float) -> None:
        self._world = world
        self._burst = burst
        self._rate_s = per_hour * 0.9 * 0.97 / 3600
        self._share = 1.0
        self._told = False
        self._level = float(burst)
        self._at_s = world.now
        self._quiet_until_s = -math.inf
        self._failures = 0
        self._failing_since_s = math.inf
        self._hold = ""
        self._started_at_s = -math.inf
        self._accepted_at_s = -math.inf

    def share(self, part: float) -> None:
        """The process was told its share."""
        self._fill()
        self._share = part
        self._level = min(self._level, self._saved_most() if self._told else 1.0)
        self._told = True

    def take(self, name: str, on_wire: int) -> None:
        """Judge that an attempt starts, with so many others on the wire."""
        now_s = self._world.now
        self._fill()
        self._level -= 1
        if self._level < -_TOKEN_PART:
            raise Violation("G8", f"{name} sends more than its share of the quota")
        if now_s < self._quiet_until_s - _EPSILON_S:
            raise Violation("G8", f"{name} sends before the quota's reset")
        pace_s = self._pace_s()
        if pace_s:
            self._world.sometimes("probe")
            if on_wire or now_s < self._started_at_s + pace_s - _EPSILON_S:
                raise Violation("G8", f"{name} probes faster than every {pace_s:g} s")
        self._started_at_s = now_s

    def _pace_s(self) -> float:
        if self._hold:
            # Where all seems unknown, one cohort may be: others may show it, once a second.
            return 1.0 if self._hold == "not_found" else _HOLD_PROBE_S
        lasted = self._world.now - self._failing_since_s >= _OUTAGE_AFTER_S
        return _OUTAGE_PROBE_S if self._failures >= _OUTAGE_ATTEMPTS and lasted else 0.0

    def heard(self, answer: Answer, unix_s: float, *, update: bool) -> None:
        """Take the answer to an attempt; `unix_s` is what the process's wall clock says."""
        now_s = self._world.now
        if answer.reason == "rate_limited" and answer.quota.reset_at_s is not None:
            wait_s = min(max(answer.quota.reset_at_s - unix_s, _COOL_S_MIN), _COOL_S_MAX)
            self._quiet_until_s = max(self._quiet_until_s, now_s + wait_s)
        elif answer.verdict is Said.ACCEPTED:
            self._hold, self._failures, self._failing_since_s = "", 0, math.inf
            self._accepted_at_s = now_s if update else self._accepted_at_s
        elif answer.verdict is Said.REFUSED:
            self._hold = ""
        elif answer.verdict is Said.BLOCKED:
            others_succeed = now_s - self._accepted_at_s <= _EVIDENCE_S
            if answer.reason != "not_found" or not others_succeed:
                self._hold = answer.reason
        elif answer.reason != "locked":
            self._failures += 1
            self._failing_since_s = min(self._failing_since_s, now_s)

    def _saved_most(self) -> float:
        kept_back = self._rate_s * 3600 / 0.97 * 0.03
        return min(float(self._burst), max(1.0, kept_back / 2 * self._share))

    def _fill(self) -> None:
        grown = (self._world.now - self._at_s) * self._rate_s * self._share
        self._level = min(self._saved_most(), self._level + grown)
        self._at_s = self._world.now
