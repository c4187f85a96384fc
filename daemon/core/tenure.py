"""Our ownership of one partition: what it may seal, and what its commits must say (G5, G6)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daemon.core.intent import TO_THE_END, Intent, Mark
from daemon.core.ledger import PartitionLedger
from daemon.core.model import Partition

# A barrier at the end of the log, before it is known where that is.
END_OF_LOG = math.inf

# How far ahead of the position an intent reaches, in offsets.
RESERVE = 20_000


@dataclass(frozen=True, slots=True)
class Start:
    """How to begin owning a partition.

    `sent_to` is what the last owner may have sent: nothing is sealed before the position has
    passed it. `wait_until_s` ends the one wait after an unclean hand-over.
    """

    position: int
    sent_to: float = 0
    wait_until_s: float = -math.inf
    topic_id: str = ""
    leader_epoch: int | None = None


class Tenure:
    """From assignment to give-up.

    Three things keep a lane here: the barrier (what is replayed must be gathered whole, so that
    only last states leave), the wait (a request of the last owner may still be applied), and the
    intent (nothing at or beyond the last acknowledged `sent_to` leaves, so that a successor
    knows how far we may have sent).
    """

    def __init__(self, partition: Partition, start: Start, fingerprint: str) -> None:
        self.partition = partition
        self.ledger = PartitionLedger(start.position, start.leader_epoch)
        self._fingerprint = fingerprint
        self._topic_id = start.topic_id
        self._barrier_to: float | None = start.sent_to if start.sent_to > start.position else None
        self._wait_until_s = start.wait_until_s
        self._unsettled_until_s = -math.inf
        self._asked = 0 if math.isinf(start.sent_to) else int(start.sent_to)
        self._acknowledged = -1

    @property
    def topic_id(self) -> str:
        """The id of the topic this is a part of, empty where the broker did not tell it."""
        return self._topic_id

    @property
    def barrier_to(self) -> float | None:
        """The offset the position must reach before anything is sealed, None when it has."""
        return self._barrier_to

    @property
    def wait_until_s(self) -> float:
        """When the wait after an unclean hand-over is over."""
        return self._wait_until_s

    @property
    def position(self) -> int:
        """The offset after the last record taken."""
        return self.ledger.position

    def may_seal(self, top: int, now_s: float) -> bool:
        """Tell whether changes of records below `top` may leave."""
        return (
            self._barrier_to is None and now_s >= self._wait_until_s and top <= self._acknowledged
        )

    def advance(self, position: int, leader_epoch: int | None = None) -> None:
        """The position has moved, perhaps past control records only."""
        self.ledger.advance(position, leader_epoch)
        if self._barrier_to is not None and position >= self._barrier_to:
            self._barrier_to = None

    def saw_end_of_log(self, end: int) -> None:
        """No barrier stands beyond the first end that is seen: the last owner read below it.

        What he said that he may send reaches further, up to a reserve: to wait for so many new
        records would be minutes where few come.
        """
        if self._barrier_to is None:
            return
        if self._barrier_to == END_OF_LOG:
            self._asked = max(self._asked, end)  # A successor must replay as far as we do.
        self._barrier_to = min(self._barrier_to, end)
        if self.position >= self._barrier_to:
            self._barrier_to = None

    def open_barrier(self) -> None:
        """The log has no more, or memory has no room: seal what there is."""
        self._barrier_to = None

    def settle_until(self, until_s: float) -> None:
        """An ambiguous attempt that touched this partition may be applied until then."""
        self._unsettled_until_s = max(self._unsettled_until_s, until_s)

    def needs_intent(self, *, leaving: bool = False) -> bool:
        """Tell whether less than half of the acknowledged reserve is left.

        Who leaves reads nothing more, and needs none beyond his position.
        """
        return self._acknowledged - self.position < (0 if leaving else RESERVE // 2)

    def is_clean(self, now_s: float) -> bool:
        """Tell whether nothing of it is held, nor can still be on its way."""
        return (
            self.ledger.committable()[0] == self.position
            and now_s >= self._unsettled_until_s
            and now_s >= self._wait_until_s
        )

    def intent(self, now_s: float, *, last: bool) -> Intent:
        """Return the commit to send now. `sent_to` never falls, during a replay included.

        Only the last ones, of who gives the partition up and reads nothing more, may say clean; a
        process that dies leaves an earlier one, and those say open.
        """
        offset, epoch = self.ledger.committable()
        # The last one sends nothing more, so it asks for no new reserve.
        self._asked = max(self._asked, self.position + (0 if last else RESERVE))
        clean = last and self.is_clean(now_s)
        sent_to = TO_THE_END if self._barrier_to == END_OF_LOG else self._asked
        mark = Mark(sent_to, clean, self._topic_id, self._fingerprint)
        return Intent(self.partition, offset, mark, epoch)

    def acknowledge(self, sent_to: int) -> None:
        """The broker has taken an intent."""
        self._acknowledged = max(self._acknowledged, sent_to)
