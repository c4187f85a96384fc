"""Planted bugs: each breaks one promise of the daemon, and the oracle must notice.

They live here only, as patches for as long as a run lasts. `CANARIES` says at which seeds each is
caught; a check of the checker runs there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias
from unittest.mock import patch

from daemon.core.lease import Lease
from daemon.core.ledger import PartitionLedger
from daemon.core.model import Changes, Flush, Lane, Outcome, Partition
from daemon.core.pacer import Pacer
from daemon.core.queue import WindowQueue
from daemon.core.relay import Relay
from daemon.core.settling import Settling
from daemon.core.tenure import Start, Tenure
from daemon.core.window import OpenLane, Window
from daemon.intake.handover import Handover
from daemon.intake.letters import Letters
from tests.simulation.runner import Verdict, run

Patch: TypeAlias = tuple[type, str, Any]


def _commit_before_ack(ledger: PartitionLedger) -> tuple[int, int | None]:
    return ledger.position, None


def _no_put_back(_relay: Relay, _cohort: str, lane: Lane, _left: Changes) -> int | None:
    return lane.ticket


def _without(real: Callable[..., None], **changed: Any) -> Callable[..., None]:  # noqa: ANN401
    def begin(tenure: Tenure, partition: Partition, start: Start, fingerprint: str) -> None:
        real(tenure, partition, start, fingerprint)
        for name, value in changed.items():
            setattr(tenure, name, value)

    return begin


def _renew_for_ever(lease: Lease, _sent_at_s: float) -> None:
    lease._sent_at_s = math.inf


def _settle_never(_settling: Settling, _cohort: str, _changes: Changes, _now_s: float) -> float:
    return -math.inf


def _release_at_launch(
    relay: Relay, cohort: str, lanes: tuple[Lane, ...], changes: Changes
) -> Flush:
    for lane in lanes:
        relay._tenures[lane.partition].ledger.release(lane.ticket)
    return _LAUNCH(relay, cohort, lanes, changes)


_LAUNCH = Relay._launch


def _first_change_wins(window: Window, lane: OpenLane, changes: Changes) -> int:
    before = len(lane.changes)
    for member, add in changes.items():
        lane.changes.setdefault(member, add)
    window.members += len(lane.changes) - before
    return len(lane.changes) - before


def _done_when_refused(letters: Letters, flush: Flush, outcome: Outcome, now_s: float) -> None:
    letters._relay.complete(outcome, now_s)


def _reject_without_hold(
    letters: Letters, _partition: Partition, _floor: int, rejects: Sequence[Any]
) -> None:
    assert letters._outbox is not None
    for reject in rejects:
        ticket = letters._outbox.send(letters._maker.of_record(reject))
        letters._refusals[ticket] = Outcome(-1)
        letters._waiting_of_flush[-1] = 10**9
        letters._reasons[ticket] = reject.reason


def _two_flushes(relay: Relay, cohort: str, lanes: tuple[Lane, ...], changes: Changes) -> Flush:
    flush = _LAUNCH(relay, cohort, lanes, changes)
    relay._flight_of = _Forgetful()
    return flush


class _Forgetful(dict[str, int]):
    def __contains__(self, _cohort: object) -> bool:
        return False

    def __delitem__(self, _cohort: str) -> None:
        return


def _abandon_nothing(_handover: Handover, _partitions: Sequence[Partition], _at_s: float) -> None:
    return


def _always_clean(_tenure: Tenure, _offset: int, _now_s: float) -> bool:
    return True


def _intent_forgets(tenure: Tenure, now_s: float, *, last: bool) -> Any:  # noqa: ANN401
    tenure._asked = 0
    return _INTENT(tenure, now_s, last=last)


_INTENT = Tenure.intent


def _seals_beyond_intent(tenure: Tenure, _top: int, now_s: float) -> bool:
    return tenure.barrier_to is None and now_s >= tenure.wait_until_s


def _tickets_again(ledger: PartitionLedger, floor: int, epoch: int | None = None) -> int:
    with patch("daemon.core.ledger._tickets", itertools.count(ledger.open_holds + 1)):
        return _HOLD(ledger, floor, epoch)


_HOLD = PartitionLedger.hold


def _take_no_token(_pacer: Pacer, _now_s: float) -> None:
    return


def _never_cool(_pacer: Pacer, _for_s: float, _now_s: float) -> None:
    return


def _split_behind_barrier(
    queue: WindowQueue, cohort: str, now_s: float, _whole: Partition | None = None
) -> Window:
    return _GATHER(queue, cohort, now_s)


_GATHER = WindowQueue.gather


def _never_pause(_relay: Relay) -> set[Partition]:
    return set()


_INIT = Tenure.__init__
_ALL: dict[str, tuple[Patch, ...]] = {
    "commit_before_ack": ((PartitionLedger, "committable", _commit_before_ack),),
    "no_put_back": ((Relay, "_put_back", _no_put_back),),
    "barrier_skipped": ((Tenure, "__init__", _without(_INIT, _barrier_to=None)),),
    "wait_skipped": ((Tenure, "__init__", _without(_INIT, _wait_until_s=-math.inf)),),
    "lease_ignored": ((Lease, "renew", _renew_for_ever),),
    "settle_ignored": ((Settling, "held_until_s", _settle_never),),
    "hold_released_early": ((Relay, "_launch", _release_at_launch),),
    "first_change_wins": ((Window, "add", _first_change_wins),),
    "done_when_refused": ((Letters, "complete", _done_when_refused),),
    "reject_without_hold": ((Letters, "reject", _reject_without_hold),),
    "two_flushes_of_a_cohort": ((Relay, "_launch", _two_flushes),),
    "nothing_abandoned": ((Handover, "_abandon", _abandon_nothing),),
    "always_clean": ((Tenure, "_is_clean", _always_clean),),
    "intent_falls": ((Tenure, "intent", _intent_forgets),),
    "sealed_beyond_intent": ((Tenure, "may_seal", _seals_beyond_intent),),
    "ticket_reused": ((PartitionLedger, "hold", _tickets_again),),
    "no_budget": ((Pacer, "take", _take_no_token), (Pacer, "ready_at_s", lambda _p, now_s: now_s)),
    "quota_ignored": ((Pacer, "cool_down", _never_cool),),
    "split_behind_barrier": ((WindowQueue, "gather", _split_behind_barrier),),
    "never_paused": ((Relay, "to_pause", _never_pause),),
}

# Each is caught by one of the first so many seeds: at least twice the number that was measured.
_RARE = {
    "split_behind_barrier": 200,
    "barrier_skipped": 120,
    "nothing_abandoned": 120,
    "reject_without_hold": 200,
}
CANARIES = dict.fromkeys(_ALL, 60) | _RARE | {"wait_skipped": 400}


@contextmanager
def plant(name: str) -> Iterator[None]:
    """Have a bug, for as long as this lasts; none where there is no name."""
    with ExitStack() as stack:
        for owner, attribute, bug in _ALL[name] if name else ():
            stack.enter_context(patch.object(owner, attribute, bug))
        yield


def run_planted(seed: int, arm: str, bug: str) -> Verdict:
    """Run a world, with a bug or none; other processes can be asked to do this."""
    with plant(bug):
        return run(seed, arm)
