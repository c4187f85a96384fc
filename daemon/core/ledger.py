"""What may be committed for one partition (rules 1 and 3 of the architecture; G2, G7)."""

from __future__ import annotations

import itertools

# One counter for the process: a late release never meets a newer hold.
_tickets = itertools.count(1)


class PartitionLedger:
    """Holds, position, and the offset that may be committed.

    A hold is a promise not to commit past its floor. Floors are handed out in offset order, so
    the oldest hold still open is always the lowest one, and a plain dict, which keeps insertion
    order, is the whole data structure. Gaps in the log need no thought: nothing here adds to an
    offset.
    """

    def __init__(self, position: int, leader_epoch: int | None = None) -> None:
        self._position = position
        self._epoch = leader_epoch
        self._holds: dict[int, tuple[int, int | None]] = {}
        self._last_floor = position

    @property
    def position(self) -> int:
        """The offset after the last record taken."""
        return self._position

    @property
    def open_holds(self) -> int:
        """How many holds are open."""
        return len(self._holds)

    def hold(self, floor: int, leader_epoch: int | None = None) -> int:
        """Promise not to commit past `floor` until the ticket returned is released."""
        assert floor >= self._position, (floor, self._position)
        assert floor >= self._last_floor, (floor, self._last_floor)
        ticket = next(_tickets)
        self._holds[ticket] = (floor, leader_epoch)
        self._last_floor = floor
        return ticket

    def holds(self, ticket: int) -> bool:
        """Tell whether this ticket was handed out here and is still open."""
        return ticket in self._holds

    def advance(self, next_offset: int, leader_epoch: int | None = None) -> None:
        """Everything below `next_offset` is taken or held. Going back is a bug of the caller."""
        assert next_offset >= self._position, (next_offset, self._position)
        self._position = next_offset
        if leader_epoch is not None:
            self._epoch = leader_epoch

    def release(self, ticket: int) -> None:
        """End a hold. A ticket of an earlier assignment is unknown here and does nothing."""
        self._holds.pop(ticket, None)

    def committable(self) -> tuple[int, int | None]:
        """Return the offset that may be committed, and its leader epoch. It never goes back."""
        oldest = next(iter(self._holds.values()), None)
        if oldest is None or oldest[0] > self._position:  # A hold beyond a gap not passed yet.
            return self._position, self._epoch
        return oldest
