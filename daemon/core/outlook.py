"""When something that is held may leave, at the earliest: what a stop is worth waiting for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from daemon.core.delivery import Delivery
from daemon.core.relay import Relay


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the sending side can tell of its own future, as it stands.

    A time is `math.inf` where no end is in sight: Braze refuses our credentials, or everything,
    or answers nobody. It is tried again all the same, but nobody who has to leave waits for that.
    """

    busy: bool = False  # Something is on the wire, so there is an answer to wait for.
    next_s: float = math.inf  # When a flush it has may be sent from next.
    opens_s: float = -math.inf  # When a flush that it is given may be sent from.


def outlook_of(delivery: Delivery, now_s: float) -> Outlook:
    """Return what a delivery, whose `start` was just called, can tell."""
    waiting_s = delivery.lineup.next_due_s()
    due_s = now_s if delivery.lineup.ready else math.inf
    if waiting_s is not None:
        due_s = min(due_s, waiting_s)
    next_s = max(due_s, _opens_s(delivery, now_s, fresh=delivery.lineup.fresh))
    return Outlook(delivery.on_wire > 0, next_s, _opens_s(delivery, now_s, fresh=True))


def _opens_s(delivery: Delivery, now_s: float, *, fresh: bool) -> float:
    health = delivery.health
    if health.hold is not None or health.out(now_s) or (health.refusing and not fresh):
        return math.inf
    allowed_s = health.start_at_s(now_s, on_wire=0, fresh=fresh)
    return max(allowed_s, delivery.pacer.ready_at_s(now_s))


def earliest_s(relay: Relay, outlook: Outlook, now_s: float) -> float:
    """Return when anything that is held may start at the earliest, if nothing more is read."""
    if not relay.lease.fresh(now_s):
        return math.inf  # Only a commit opens it again, and whoever waits repeats that anyway.
    return min(outlook.next_s, max(outlook.opens_s, _leaves_s(relay, now_s)))


def _leaves_s(relay: Relay, now_s: float) -> float:
    """Return when the first window may be sealed; one behind a barrier never may."""
    heads = {window.cohort: window for window in reversed(list(relay.waiting()))}
    for flush in relay.in_flight.values():
        heads.pop(flush.cohort, None)  # It follows its flush, which the sending side knows of.
    return min(
        (
            max(now_s, window.held_until_s, relay.tenures[partition].wait_until_s)
            for window in heads.values()
            for partition in window.lanes
            if relay.tenures[partition].barrier_to is None
        ),
        default=math.inf,
    )
