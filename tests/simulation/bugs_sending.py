"""Planted bugs of the sending side: pace, retries, verdicts, what a request holds."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from daemon.braze import body
from daemon.core import plan, sender, verdict
from daemon.core.cohort_names import CohortNames
from daemon.core.delivery import Attempt, Delivery
from daemon.core.health import Health
from daemon.core.lineup import Lineup
from daemon.core.model import Changes, CohortUpdate, Flush, Member, Outcome
from daemon.core.pacer import Pacer
from daemon.core.sender import Culprit, Sender
from daemon.core.settling import Settling
from daemon.core.verdict import Answer, Sent, Verdict
from tests.simulation import braze
from tests.simulation.planting import Bug, Patch, bug


def _nothing(*_: object) -> None:
    return


def _not_out(_health: Health, _now_s: float) -> bool:
    return False


def _well_in_a_hold(health: Health, now_s: float) -> bool:
    return not health.refusing and not health.out(now_s)


def _settle_never(_settling: Settling, _cohort: str, _changes: Changes, _now_s: float) -> float:
    return -math.inf


def _certain(reason: str) -> Patch:
    """Take this answer for one that Braze will not apply later."""

    def judge(status: int, text: str) -> tuple[Verdict, Sent, str]:
        found, sent, said = _JUDGE(status, text)
        return found, Sent.ANSWERED if said == reason else sent, said

    return verdict, "_judge_whole", judge


_JUDGE = verdict._judge_whole


def _failure_for_unsent(reason: str, *, bytes_sent: bool, detail: str = "") -> Answer:
    return _JUDGE_FAILURE(reason, bytes_sent=False, detail=detail)


_JUDGE_FAILURE = verdict.judge_failure


def _guilty_at_once(_delivery: Delivery, _culprit: Culprit) -> bool:
    return True


def _blocked_for_ever(delivery: Delivery, one: Sender, attempt: Attempt, answer: Answer, now_s: float) -> None:  # fmt: skip  # noqa: E501
    if answer.verdict is Verdict.BLOCKED:
        one.refuse(one.wire.pop(attempt.id), "refused", answer.detail)
    else:
        _UPDATED(delivery, one, attempt, answer, now_s)


_UPDATED = Delivery._updated


def _timeout_for_accepted(delivery: Delivery, one: Sender, attempt: Attempt, answer: Answer, now_s: float) -> None:  # fmt: skip  # noqa: E501
    if answer.reason == "timeout":
        answer = dataclasses.replace(answer, verdict=Verdict.ACCEPTED)
    _UPDATED(delivery, one, attempt, answer, now_s)


def _no_patience(_delivery: Delivery, one: Sender, _now_s: float) -> bool:
    return one.failing_since_s < math.inf and not one.abandoned


def _one_chunk(changes: Mapping[Member, bool]) -> Iterator[tuple[list[Member], list[Member]]]:
    yield [m for m, add in changes.items() if not add], [m for m, add in changes.items() if add]


def _one_more_and_empty(flush: Flush) -> Iterator[CohortUpdate]:
    yield from _PLAN(flush)
    yield CohortUpdate(flush.cohort)


_PLAN = plan.plan


def _removals_added_too(update: CohortUpdate) -> bytes:
    changes: list[dict[str, Any]] = json.loads(_ENCODE(update))
    both = [{k: v for k, v in c.items() if k != "should_remove"} for c in changes]
    return json.dumps([*changes, *both[len(changes) - 1 :]]).encode()


_ENCODE = body.encode_update


def _known_already(_names: CohortNames, _cohort: str, _name: str, _now_s: float) -> bool:
    return False


def _ended_before_its_retry(
    delivery: Delivery, attempt_id: int, answer: Answer, now_s: float, unix_s: float
) -> list[Outcome]:
    """Report a flush as done when it waits for a retry, which then comes behind its successor."""
    flush = delivery._wire[attempt_id].flush
    told: set[int] = delivery.__dict__.setdefault("told", set())
    ended = _FINISH(delivery, attempt_id, answer, now_s, unix_s)
    ended = [outcome for outcome in ended if outcome.flush_id not in told]
    left = delivery.lineup.senders.get(flush.id) if flush else None
    if left is not None and not left.wire and left.flush.id not in told:
        told.add(left.flush.id)
        ended.append(Outcome(left.flush.id))
    return ended


_FINISH = Delivery.finish


BUGS: dict[str, Bug] = {
    "budget_ignored": bug(
        "G8", (Pacer, "take", _nothing), (Pacer, "ready_at_s", lambda _pacer, now_s: now_s)
    ),
    "share_ignored": bug("G8", (Pacer, "set_share", _nothing)),
    "quota_reset_ignored": bug("G8", (Pacer, "cool_down", _nothing)),
    "outage_not_probed_slowly": bug("G8", (Health, "out", _not_out)),
    "hold_not_probed_slowly": bug("G8", (Health, "well", _well_in_a_hold)),
    "opposite_not_held": bug("G4", (Settling, "held_until_s", _settle_never)),
    "queued_taken_for_applied": bug("G4, G6", _certain("queued")),
    "server_error_taken_for_certain": bug("G4, G6", _certain("server_error")),
    "request_timeout_taken_for_certain": bug("G4, G6", _certain("request_timeout")),
    "timeout_taken_for_unsent": bug("G4, G6", (braze, "judge_failure", _failure_for_unsent)),
    "timeout_taken_for_accepted": bug("G2", (Delivery, "_updated", _timeout_for_accepted)),
    "convicted_without_evidence": bug("G12", (Delivery, "_is_guilty", _guilty_at_once)),
    "blocked_dead_lettered": bug("G12", (Delivery, "_updated", _blocked_for_ever)),
    "given_up_at_once": bug("G12", (Delivery, "_must_give_up", _no_patience)),
    "more_than_the_limit": bug("G3", (plan, "_chunks", _one_chunk)),
    "empty_update": bug("G3", (sender, "plan", _one_more_and_empty)),
    "id_in_both_lists": bug("G3", (body, "encode_update", _removals_added_too)),
    "never_woken": bug("G10", (Lineup, "wake", _nothing)),
    "members_before_their_name": bug("names", (CohortNames, "must_announce", _known_already)),
    "retry_behind_the_next": bug("G2, G4, G5", (Delivery, "finish", _ended_before_its_retry)),
}
