"""The line between the two threads, as the intake sees it.

Only an immutable flush, an outcome and three control words cross it: abandon, the end of the
lease, the share of the quota.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from daemon.core.model import Flush, Outcome


class Line(Protocol):
    """What the intake may say to the sending side, and hear from it."""

    def capacity(self) -> int:
        """Return how many more flushes could be sent from at once."""

    def suspects(self) -> frozenset[int]:
        """Return the flushes that were refused while nothing shows that Braze takes others."""

    def submit(self, flushes: Sequence[Flush]) -> None:
        """Hand over flushes; exactly one outcome of each comes back."""

    def abandon(self, flush_ids: Sequence[int]) -> None:
        """No attempt of these is started after the sending side has read this."""

    def renew(self, until_s: float) -> None:
        """Attempts may be started until then."""

    def share(self, part: float) -> None:
        """This replica owns so much of all partitions, from 0 to 1 (G8)."""

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """Return the flushes that have ended, waiting at most this long for the first."""
