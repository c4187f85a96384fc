"""Planted bugs of windows and flushes: order, what is put back, what fits into memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from daemon.core import relay
from daemon.core.delayed import Batch, DelayedRemovals, Ended, Kept
from daemon.core.ledger import PartitionLedger
from daemon.core.model import Changes, ChangeSet, Flush, Lane, Member, Outcome, Partition
from daemon.core.pressure import Load, Pressure
from daemon.core.queue import WindowQueue
from daemon.core.relay import Relay
from daemon.core.tenure import Tenure
from daemon.core.turn import Turn
from daemon.core.window import OpenLane, Window
from daemon.intake.backlog import Backlog
from tests.simulation.consumer import Consumer
from tests.simulation.planting import Bug, bug


def _first_change_wins(window: Window, lane: OpenLane, changes: Changes) -> int:
    before = len(lane.changes)
    for member, add in changes.items():
        lane.changes.setdefault(member, add)
    window.members += len(lane.changes) - before
    return len(lane.changes) - before


def _two_flushes(
    relay: Relay, cohort: str, lanes: tuple[Lane, ...], changes: Changes, turn: Turn
) -> Flush:
    flush = _LAUNCH(relay, cohort, lanes, changes, turn)
    relay._flight_of = _Forgetful()
    return flush


_LAUNCH = Relay._launch


class _Forgetful(dict[str, int]):
    def __contains__(self, _cohort: object) -> bool:
        return False

    def __delitem__(self, _cohort: str) -> None:
        return


def _release_at_launch(
    relay: Relay, cohort: str, lanes: tuple[Lane, ...], changes: Changes, turn: Turn
) -> Flush:
    for lane in lanes:
        relay._tenures[lane.partition].ledger.release(lane.ticket)
    return _LAUNCH(relay, cohort, lanes, changes, turn)


def _not_put_back(
    _relay: Relay, _cohort: str, lane: Lane, _left: Changes, _now_s: float
) -> int | None:
    return lane.ticket


def _put_back_above(window: Window, lane: Lane, changes: Changes) -> int | None:
    newer = window.lanes.get(lane.partition)
    above = {} if newer is None else {m: a for m, a in newer.changes.items() if m not in changes}
    if newer is not None:
        window.members += len(above) - len(newer.changes)
        newer.changes = above
    return _PUT_BACK(window, lane, changes)


def _older_hold_released(window: Window, lane: Lane, changes: Changes) -> int | None:
    needless = _PUT_BACK(window, lane, changes)
    return None if needless is None else lane.ticket


_PUT_BACK = Window.put_back


def _put_back_without_wait(relay: Relay, outcome: Outcome, now_s: float) -> None:
    _COMPLETE(relay, dataclasses.replace(outcome, listed=()) if outcome.left else outcome, now_s)


_COMPLETE = Relay.complete


def _split_behind_barrier(
    queue: WindowQueue, cohort: str, now_s: float, _whole: Partition | None = None
) -> Window:
    return _GATHER(queue, cohort, now_s)


_GATHER = WindowQueue.gather


def _nothing(*_: object) -> None:
    return


def _never_pause(_relay: Relay) -> set[Partition]:
    return set()


def _gathered_for_ever(
    backlog: Backlog,
    tenures: Mapping[Partition, Tenure],
    parked: Collection[Partition],
    now_s: float,
    *,
    full: bool,
) -> bool:
    return _GATHERS(backlog, tenures, parked, now_s, full=full) or backlog._until_s is not None


_GATHERS = Backlog.gathers


def _crowded_for_ever(
    pressure: Pressure,
    waiting: Sequence[Load],
    in_flight: Load,
    tenures: Mapping[Partition, Tenure],
) -> None:
    before = pressure._crowding
    _UPDATE(pressure, waiting, in_flight, tenures)
    pressure._crowding |= before


_UPDATE = Pressure.update


def _begin_all_running(consumer: Consumer, offsets: Mapping[Partition, int]) -> None:
    """Forget the pause that follows: what is new is read on though there is no room."""
    consumer.__dict__["running"] = set(offsets)
    _BEGIN(consumer, offsets)


_BEGIN = Consumer.begin


def _pause_the_old(consumer: Consumer, partitions: list[Partition]) -> None:
    running: set[Partition] = consumer.__dict__.pop("running", set())
    _PAUSE(consumer, [p for p in partitions if p not in running])


_PAUSE = Consumer.pause


def _not_ended(_delayed: DelayedRemovals, waiting: dict[Member, Batch], member: Member) -> Ended:
    return Ended(waiting[member], waiting[member].tickets[member])


def _kept_without_hold(
    delayed: DelayedRemovals,
    run: ChangeSet,
    ledger: PartitionLedger,
    queue: WindowQueue,
    now_s: float,
) -> Kept:
    kept = _KEEP(delayed, run, ledger, queue, now_s)
    for batch in delayed._line:
        for ticket in batch.tickets.values():
            ledger.release(ticket)
    return kept


_KEEP = DelayedRemovals.keep


def _newer_hold_kept(lane: OpenLane, ticket: int, floor: int) -> int:
    needless = min(lane.ticket, ticket)
    lane.ticket, lane.floor = max(lane.ticket, ticket), max(lane.floor, floor)
    return needless


def _what_is_behind_a_flight_counts(
    barred: Sequence[Partition], heads: Sequence[Window], _stuck: object
) -> Partition | None:
    waiting = {partition for window in heads for partition in window.lanes}
    return barred[0] if barred and waiting.issubset(barred) else None


BUGS: dict[str, Bug] = {
    "removal_not_cancelled": bug("rule 3, G1, G5", (DelayedRemovals, "_end", _not_ended)),
    "removal_without_hold": bug("G2", (DelayedRemovals, "keep", _kept_without_hold)),
    "newer_hold_kept": bug("G2", (OpenLane, "take_over", _newer_hold_kept)),
    "first_change_wins": bug("rule 3", (Window, "add", _first_change_wins)),
    "two_flushes_of_a_cohort": bug("G4, G5", (Relay, "_launch", _two_flushes)),
    "hold_released_at_launch": bug("G2", (Relay, "_launch", _release_at_launch)),
    "not_put_back": bug("G2", (Relay, "_put_back", _not_put_back)),
    "put_back_above_newer": bug("rule 3", (Window, "put_back", _put_back_above)),
    "put_back_without_wait": bug("G4, G6", (Relay, "complete", _put_back_without_wait)),
    "older_hold_released": bug("G2", (Window, "put_back", _older_hold_released)),
    "split_behind_barrier": bug("G5", (WindowQueue, "gather", _split_behind_barrier)),
    "never_paused": bug("G9", (Relay, "to_pause", _never_pause)),
    "gathered_for_ever": bug("G10", (Backlog, "gathers", _gathered_for_ever)),
    "crowded_for_ever": bug("G10", (Pressure, "update", _crowded_for_ever)),
    "what_is_behind_a_flight_counts": bug(
        "G12", (relay, "barrier_to_open", _what_is_behind_a_flight_counts), arm="locked"
    ),
    "paused_for_ever": bug("G10", (Consumer, "resume", _nothing)),
    "pause_lost_on_assignment": bug(
        "G9", (Consumer, "begin", _begin_all_running), (Consumer, "pause", _pause_the_old)
    ),
}
