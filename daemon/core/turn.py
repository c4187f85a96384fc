"""A cohort's turn: since when it waits for one, and how fresh it wishes to be."""

from __future__ import annotations

from typing import NamedTuple

# The shortest wish that counts as one.
WISH_S_MIN = 0.01


class Turn(NamedTuple):
    """Since when a cohort waits for a request, and its `max_age`; both in seconds.

    Where requests are short, whoever has waited longest by its own wish goes first. So all are late
    by the same factor (where a second becomes eight, a tenth becomes 0.8 and a minute eight), and
    nobody waits for ever.
    """

    since_s: float
    wish_s: float

    def waited(self, now_s: float) -> float:
        """Return how many of its wishes it has waited; 1 is on time."""
        return (now_s - self.since_s) / max(self.wish_s, WISH_S_MIN)
