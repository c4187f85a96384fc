"""How long to wait before the next try: full jitter, so that many who failed do not meet again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """The first step and the cap, in seconds."""

    initial_s: float = 0.5
    max_s: float = 20.0

    def delay_s(self, tries: int, chance: float) -> float:
        """Return the delay after this many failures in a row; `chance` is drawn from [0, 1)."""
        assert tries >= 1, tries
        doublings = min(tries - 1, 32)  # Beyond that every cap is reached.
        return chance * min(self.max_s, self.initial_s * 2.0**doublings)
