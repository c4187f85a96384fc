"""Planted bugs of hand-overs: barrier, wait, lease, what is called clean, where one begins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from daemon.core import takeover
from daemon.core.intent import Intent
from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.takeover import Parked
from daemon.core.tenure import Start, Tenure
from daemon.intake import starts
from daemon.intake.committer import Committer
from daemon.intake.handover import Handover
from daemon.intake.starts import Starts
from tests.simulation.planting import Bug, bug


def _begun_with(**changed: Any) -> Callable[..., None]:  # noqa: ANN401
    def begin(tenure: Tenure, partition: Partition, start: Start, fingerprint: str) -> None:
        _BEGIN(tenure, partition, start, fingerprint)
        for name, value in changed.items():
            setattr(tenure, name, value)

    return begin


_BEGIN = Tenure.__init__


def _half_a_wait(*args: Any) -> Any:  # noqa: ANN401
    found, now_s = _TAKE_OVER(*args), args[-1]
    if not isinstance(found, Start) or found.wait_until_s < now_s:
        return found
    return dataclasses.replace(found, wait_until_s=(found.wait_until_s + now_s) / 2)


def _read_on(*args: Any) -> Any:  # noqa: ANN401
    found = _TAKE_OVER(*args)
    return Start(args[0][0], math.inf) if isinstance(found, Parked) else found


_TAKE_OVER = takeover.take_over


def _lease_for_ever(lease: Lease, _sent_at_s: float) -> None:
    lease._sent_at_s = math.inf


def _lease_from_the_answer(committer: Committer, intents: list[Intent], _sent_at_s: float) -> None:
    _ACCEPTED(committer, intents, committer.__dict__["heard_at_s"])


def _note_time(committer: Committer, now_s: float, *, leaving: bool = False) -> None:
    committer.__dict__["heard_at_s"] = now_s
    _TURN(committer, now_s, leaving=leaving)


def _as_if_leaving(committer: Committer, now_s: float, *, leaving: bool = False) -> None:
    _TURN(committer, now_s, leaving=True)


def _as_if_staying(committer: Committer, now_s: float, *, leaving: bool = False) -> None:
    _TURN(committer, now_s)


def _note_last(committer: Committer, partitions: Sequence[Partition], now_s: float) -> None:
    committer.__dict__["heard_at_s"] = now_s
    _COMMIT_LAST(committer, partitions, now_s)


_ACCEPTED, _TURN, _COMMIT_LAST = Committer._accepted, Committer.turn, Committer.commit_last


def _nothing(*_args: object, **_fields: object) -> None:
    return


def _never(*_args: object) -> bool:
    return False


def _always_clean(_tenure: Tenure, _now_s: float) -> bool:
    return True


def _clean_although_behind(tenure: Tenure, now_s: float) -> bool:
    return now_s >= max(tenure._unsettled_until_s, tenure.wait_until_s)


def _clean_while_waiting(tenure: Tenure, now_s: float) -> bool:
    behind = tenure.ledger.committable()[0] != tenure.position
    return not behind and now_s >= tenure._unsettled_until_s


def _intent_forgets(tenure: Tenure, now_s: float, *, last: bool) -> Intent:
    tenure._asked = 0
    return _INTENT(tenure, now_s, last=last)


def _end_of_log_untold(tenure: Tenure, now_s: float, *, last: bool) -> Intent:
    intent = _INTENT(tenure, now_s, last=last)
    mark = dataclasses.replace(intent.mark, sent_to=max(intent.mark.sent_to, tenure._asked))
    return dataclasses.replace(intent, mark=mark)


_INTENT = Tenure.intent


def _seals_beyond_intent(tenure: Tenure, _top: int, now_s: float) -> bool:
    return tenure.barrier_to is None and now_s >= tenure.wait_until_s


def _revoke_without_drain(
    handover: Handover, partitions: Sequence[Partition], deadline_s: float
) -> None:
    owned = [p for p in partitions if p in handover._relay.tenures]
    handover._abandon(owned, deadline_s)
    handover._committer.commit_last(owned, handover._clock())
    handover._give_up(partitions)


def _latest(one: Starts, partition: Partition, *, begun: bool) -> int:
    return one._consumer.log_range(partition, 1.0)[1]


def _as_if_first(one: Starts, partition: Partition, *, begun: bool) -> int:
    return _FIRST_OFFSET(one, partition, begun=False)


_FIRST_OFFSET = Starts._first_offset


BUGS: dict[str, Bug] = {
    "barrier_skipped": bug("G5", (Tenure, "__init__", _begun_with(_barrier_to=None))),
    "wait_skipped": bug("G6", (Tenure, "__init__", _begun_with(_wait_until_s=-math.inf))),
    "wait_shortened": bug("G6", (starts, "take_over", _half_a_wait)),
    "lease_ignored": bug("G6", (Lease, "renew", _lease_for_ever)),
    "lease_from_the_answer": bug(
        "G6",
        (Committer, "_accepted", _lease_from_the_answer),
        (Committer, "turn", _note_time),
        (Committer, "commit_last", _note_last),
    ),
    "nothing_abandoned": bug("G6, G10", (Handover, "_abandon", _nothing)),
    "always_clean": bug("G6", (Tenure, "is_clean", _always_clean)),
    "clean_although_behind": bug("G6", (Tenure, "is_clean", _clean_although_behind)),
    "clean_while_waiting": bug("G6", (Tenure, "is_clean", _clean_while_waiting)),
    "clean_forgets_ambiguous": bug("G6", (Tenure, "settle_until", _nothing)),
    "sent_to_lowered": bug("G5", (Tenure, "intent", _intent_forgets)),
    "end_of_log_untold": bug("G5", (Tenure, "intent", _end_of_log_untold)),
    "sealed_beyond_intent": bug("G5", (Tenure, "may_seal", _seals_beyond_intent)),
    "not_drained": bug("G14", (Handover, "revoke", _revoke_without_drain), arm="rolling"),
    "clean_while_reading": bug("G6", (Committer, "turn", _as_if_leaving)),
    "no_last_commit": bug(
        "G14",
        (Committer, "commit_last", _nothing),
        (Committer, "turn", _as_if_staying),
        (Tenure, "is_clean", _never),
        arm="rolling",
    ),
    "begun_at_latest": bug("G2", (Starts, "_first_offset", _latest)),
    "added_partition_at_latest": bug("G2", (Starts, "_first_offset", _as_if_first)),
    "topic_made_anew_read_on": bug("G2", (starts, "take_over", _read_on)),
}
