"""How to begin a partition, from what its last owner committed: "one rule" for missing offsets.

Pure: the caller asks the broker and acts on what comes back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from daemon.core.intent import TO_THE_END, Mark
from daemon.core.tenure import END_OF_LOG, Start


@dataclass(frozen=True, slots=True)
class Foreign:
    """The offset belongs to another destination: send and commit nothing under it (G15)."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Parked:
    """The offset says nothing about this log any more: a person decides."""

    why: str


@dataclass(frozen=True, slots=True)
class Destination:
    """What this daemon's own commits belong to, and its one wait in seconds."""

    fingerprint: str
    settle_s: float


def take_over(
    committed: tuple[int, str, int | None], topic_id: str, destination: Destination, now_s: float
) -> Start | Foreign | Parked:
    """Decide from a committed (offset, metadata, leader epoch)."""
    offset, metadata, epoch = committed
    mark = Mark.decode(metadata)
    waited = now_s + destination.settle_s
    if mark is None:  # An admin's reset, or another tool: who knows what was sent, and when.
        return Start(offset, END_OF_LOG, waited, topic_id, epoch)
    if mark.fingerprint != destination.fingerprint:
        return Foreign(mark.fingerprint)
    if mark.topic_id and topic_id and mark.topic_id != topic_id:
        return Parked("the topic was deleted and made anew")
    # A mark without a topic id was written while the broker did not tell it.
    known_id = topic_id or mark.topic_id
    sent_to = END_OF_LOG if mark.sent_to == TO_THE_END else mark.sent_to
    return Start(offset, sent_to, -math.inf if mark.clean else waited, known_id, epoch)


def first_start(position: int, topic_id: str) -> Start:
    """Begin where the group has committed nothing: no wait, and the barrier at the log's end.

    Expired offsets of a whole group can't be told from a first start; behind the barrier a
    replay of the whole log ends with last states only.
    """
    return Start(position, END_OF_LOG, topic_id=topic_id)
