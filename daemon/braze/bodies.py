"""What is encoded of a request, kept as long as it may have to be sent again as it is.

Knows nothing of attempts, and has no say in what is sent. Its bytes are bounded, since in an outage
every cohort has something that was tried: what finds no room is encoded again by its next attempt.
"""

from __future__ import annotations

from typing import Final

from daemon.braze.body import encode_update
from daemon.core.model import CohortUpdate

# Some three hundred full requests of ids of 24 characters.
BYTES_MAX: Final = 8 * 1024 * 1024


class Bodies:
    """Encoded updates, by flush; an update is known by its identity, and kept alive for that."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self.bytes_kept = 0
        self._bytes_max = bytes_max
        self._kept: dict[int, dict[int, tuple[CohortUpdate, bytes]]] = {}

    def of(self, flush_id: int, update: CohortUpdate) -> bytes:
        """Return the update, encoded: see `body.encode_update`."""
        kept = self._kept.get(flush_id, {}).get(id(update))
        if kept is not None:
            return kept[1]
        encoded = encode_update(update)
        if self.bytes_kept + len(encoded) <= self._bytes_max:
            self._kept.setdefault(flush_id, {})[id(update)] = update, encoded
            self.bytes_kept += len(encoded)
        return encoded

    def forget(self, flush_id: int, update: CohortUpdate) -> None:
        """It is not sent again as it is: Braze has taken it, or refused it."""
        _, encoded = self._kept.get(flush_id, {}).pop(id(update), (None, b""))
        self.bytes_kept -= len(encoded)

    def ended(self, flush_id: int) -> None:
        """Nothing of this flush is sent any more."""
        for _, encoded in self._kept.pop(flush_id, {}).values():
            self.bytes_kept -= len(encoded)
