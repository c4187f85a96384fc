"""How to begin a partition, from what its last owner committed: "one rule" for missing offsets.

Pure: the caller asks the broker and acts on what comes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from daemon.core.intent import TO_THE_END, Mark
from daemon.core.tenure import END_OF_LOG, Start


@dataclass(frozen=True, slots=True)
class Foreign:
    """The offset belongs to another destination: send and commit nothing under it (G15)."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Parked:
    """The offset says nothing about this log any more: a person decides.

    The brokers forget a group's offsets of a topic that is deleted. Where that has happened, the
    mark is to be committed, so that it is not only this process that knows.
    """

    why: str
    mark: Mark | None = None


MADE_ANEW: Final = "the topic was deleted and made anew"


@dataclass(frozen=True, slots=True)
class Log:
    """Which log a topic is: its id now, and the one under which this process knew it before.

    An id that the broker did not tell is empty, and says nothing.
    """

    topic_id: str
    known_id: str = ""

    @property
    def made_anew(self) -> bool:
        """Tell whether it is another log than this process knew."""
        return is_made_anew(self.known_id, self.topic_id)


@dataclass(frozen=True, slots=True)
class Destination:
    """What this daemon's own commits belong to, and its one wait in seconds."""

    fingerprint: str
    settle_s: float


def is_made_anew(then_id: str, now_id: str) -> bool:
    """Tell from a topic's ids whether it is another topic of the same name by now."""
    return bool(then_id and now_id) and then_id != now_id


def take_over(
    committed: tuple[int, str, int | None], log: Log, destination: Destination, now_s: float
) -> Start | Foreign | Parked:
    """Decide from a committed (offset, metadata, leader epoch)."""
    offset, metadata, epoch = committed
    mark = Mark.decode(metadata)
    waited = now_s + destination.settle_s
    if mark is not None and mark.fingerprint != destination.fingerprint:
        return Foreign(mark.fingerprint)
    # A mark without a topic id was written while the broker did not tell it.
    if is_made_anew((mark.topic_id if mark else "") or log.known_id, log.topic_id):
        return Parked(MADE_ANEW)
    if mark is None:  # An admin's reset, or another tool: who knows what was sent, and when.
        return Start(offset, END_OF_LOG, waited, log.topic_id, epoch)
    known_id = log.topic_id or mark.topic_id
    sent_to = END_OF_LOG if mark.sent_to == TO_THE_END else mark.sent_to
    return Start(offset, sent_to, -math.inf if mark.clean else waited, known_id, epoch)


def first_start(position: int, log: Log, destination: Destination) -> Start | Parked:
    """Begin where the group has committed nothing: no wait, and the barrier at the log's end.

    Not where the topic was made anew before our eyes: the brokers forget the offsets of a topic
    that is deleted, and `start` is for what the group has never seen.

    Expired offsets of a whole group can't be told from a first start; behind the barrier a
    replay of the whole log ends with last states only.
    """
    if log.made_anew:
        mark = Mark(
            TO_THE_END, clean=False, topic_id=log.known_id, fingerprint=destination.fingerprint
        )
        return Parked(MADE_ANEW, mark)
    return Start(position, END_OF_LOG, topic_id=log.topic_id)
