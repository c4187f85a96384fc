"""What a board of views means: is it alive, is it ready, what does it wait for, in words.

Pure functions of a board and the time. No member id and no credential can be in what they
return, since none is in what they are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from daemon.clocks import utc_text
from daemon.logs import printable
from daemon.reasons import BLOCKED, CREDENTIALS, DEAD_LETTERS, LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.status import Board, CohortView, DeliveryView, IntakeView, Spread

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"

LIVE_WITHIN_S = 15.0
_BEHIND_RECORDS = 1_000  # Fewer are read in one poll: that is not being behind.
_HOLDING = frozenset(BLOCKED) - {"quota", "saturated", "locked", "settle", "parked", "braze"}
_MINUTE_S = 60
_HOUR_S = 3600


class Check(msgspec.Struct, frozen=True):
    """One named condition of being alive or ready."""

    name: str
    ok: bool
    detail: str


def live_checks(board: Board, now_s: float) -> list[Check]:
    """Both loops make turns, whatever Kafka or Braze say."""
    ticks = (("intake_loop", board.intake_tick_s), ("delivery_loop", board.delivery_tick_s))
    return [
        Check(name, now_s - tick_s <= LIVE_WITHIN_S, f"last turn {now_s - tick_s:.1f} s ago")
        for name, tick_s in ticks
    ]


def ready_checks(board: Board) -> list[Check]:
    """Configuration valid, a member of its own group, credentials not refused, not stopping."""
    intake, held = board.intake, waits(board.intake, board.delivery)
    foreign = "foreign_group" in held
    refused = sorted(held.keys() & CREDENTIALS)
    stopping = board.stopping or intake.draining
    return [
        Check("configuration", ok=True, detail=f"valid, hash {board.daemon.config_hash}"),
        Check("group", intake.membership != "joining" and not foreign, _group_words(intake, held)),
        Check("braze", not refused, BLOCKED[refused[0]].why if refused else "not refused"),
        Check("running", not stopping, "stopping" if stopping else "not stopping"),
    ]


def _group_words(intake: IntakeView, held: dict[str, str]) -> str:
    if "foreign_group" in held:
        return BLOCKED["foreign_group"].why
    return {
        "joining": "not joined yet",
        "assigned": f"{_count(len(intake.partitions), 'partition')} assigned",
        "standing_by": "standing by: other replicas have all partitions",
    }[intake.membership]


def checks_body(checks: list[Check]) -> tuple[int, dict[str, Json]]:
    """Return the HTTP status and body of a probe: every check named."""
    passed = all(check.ok for check in checks)
    named: dict[str, Json] = {
        check.name: {"ok": check.ok, "detail": check.detail} for check in checks
    }
    return 200 if passed else 503, {"ok": passed, "checks": named}


def waits(intake: IntakeView, delivery: DeliveryView) -> dict[str, str]:
    """Return every reason for waiting with its detail, in the order of the closed list."""
    said = {**delivery.blocked, **intake.holds}
    if intake.saturated:
        said.setdefault("saturated", "")
    return {reason: said[reason] for reason in BLOCKED if reason in said}


def limiting_factor(intake: IntakeView, delivery: DeliveryView) -> str:
    """Return the one thing that holds throughput back: the cause rather than its consequence.

    Memory is full because something else is slow, so it is named only when nothing else is.
    """
    assert delivery.limited_by in LIMITS, delivery.limited_by
    if waits(intake, delivery).keys() & _HOLDING:
        return "hold"
    if delivery.limited_by != "none":
        return delivery.limited_by
    return "memory" if intake.saturated else "none"


def status_body(board: Board, now_s: float, now_unix_s: float) -> dict[str, Json]:
    """Return the whole of `/status`."""
    daemon, intake, delivery = board.daemon, board.intake, board.delivery
    live, ready = live_checks(board, now_s), ready_checks(board)
    left = intake.records_left
    behind = left > _BEHIND_RECORDS
    return {
        "version": daemon.version,
        "workspace": daemon.workspace,
        "config_hash": daemon.config_hash,
        "group_id": daemon.group_id,
        "started_at": utc_text(daemon.started_unix_s),
        "now": utc_text(now_unix_s),
        "uptime_s": round(now_unix_s - daemon.started_unix_s, 1),
        "live": all(check.ok for check in live),
        "ready": all(check.ok for check in ready),
        "checks": checks_body([*live, *ready])[1]["checks"],
        "summary": summary(board, now_s),
        "limited_by": limiting_factor(intake, delivery),
        "waits": [_wait(reason, detail) for reason, detail in waits(intake, delivery).items()],
        "membership": intake.membership,
        "draining": intake.draining or board.stopping,
        "pending": intake.pending,
        "pending_weight": intake.pending_weight,
        "pending_limit": intake.pending_limit,
        "oldest_pending_age_s": intake.oldest_pending_age_s,
        "in_flight": delivery.in_flight,
        "slots": delivery.slots,
        "records_left": left if behind else 0,
        "seconds_left": _rounded(board.seconds_left) if behind else None,
        "last_poll_at": utc_text(intake.last_poll_unix_s),
        "last_success_at": utc_text(delivery.last_success_unix_s),
        "quota": {
            "limit": delivery.quota_limit,
            "remaining": delivery.quota_remaining,
            "used_by_others": delivery.quota_used_by_others,
            "reset_at": utc_text(delivery.quota_reset_unix_s),
            "budget_per_s": _rounded(delivery.budget_per_s),
        },
        "counters": _counters(intake, delivery),
        "latency": _spread(delivery.latency),
        "answer_time": _spread(delivery.answer_time),
        "dead_letters": _dead_letters(intake.dead_letters_by_reason),
        "partitions": [msgspec.structs.asdict(row) for row in intake.partitions],
        "cohorts": [_cohort(row) for row in delivery.cohorts],
        "cohorts_known": max(delivery.cohorts_known, len(delivery.cohorts)),
        "cohorts_in_backoff": delivery.cohorts_in_backoff,
    }


def summary(board: Board, now_s: float) -> str:  # noqa: PLR0911  One return per state.
    """Return the state in one sentence, the gravest first."""
    intake, delivery = board.intake, board.delivery
    held = waits(intake, delivery)
    if not all(check.ok for check in live_checks(board, now_s)):
        return "A loop stands still; whoever watches /livez should restart this replica."
    if intake.draining or board.stopping:
        return f"Stopping: {_count(intake.pending, 'change')} still to be delivered or given back."
    urgent = [reason for reason in held if BLOCKED[reason].act and reason in _HOLDING]
    if urgent:
        return f"Waiting for a person: {BLOCKED[urgent[0]].why}"
    if limiting_factor(intake, delivery) == "hold":
        # The sending side may be held by what has no reason of its own.
        holding = next((reason for reason in held if reason in _HOLDING), "braze")
        return f"Waiting: {BLOCKED[holding].why}"
    if intake.membership == "joining":
        return "Joining the consumer group."
    if intake.membership == "standing_by":
        return "Standing by: other replicas have all partitions."
    if intake.records_left > _BEHIND_RECORDS:
        return _catching_up(intake.records_left, board.seconds_left)
    if "braze" in held:
        return f"Waiting: {BLOCKED['braze'].why}"
    if intake.pending:
        return f"Delivering: {_count(intake.pending, 'change')} on the way to Braze."
    return "Up to date: everything read has been accepted by Braze."


def _catching_up(left: int, seconds_left: float | None) -> str:
    known = f", about {duration(seconds_left)} at the present rate" if seconds_left else ""
    return f"Catching up: {_count(left, 'record')} left{known}."


def duration(seconds: float) -> str:
    """Return a length of time as a person would say it."""
    if seconds < 2 * _MINUTE_S:
        return f"{max(1, round(seconds))} s"
    if seconds < 2 * _HOUR_S:
        return f"{round(seconds / _MINUTE_S)} min"
    return f"{seconds / _HOUR_S:.1f} h"


def _wait(reason: str, detail: str) -> Json:
    known = BLOCKED[reason]
    return {
        "reason": reason,
        "why": known.why,
        "remedy": known.remedy,
        "act": known.act,
        "detail": printable(detail),
    }


def _counters(intake: IntakeView, delivery: DeliveryView) -> Json:
    return {
        "records_read": intake.consumed,
        "records_rejected": intake.rejected,
        "dead_letters": intake.dead_letters,
        "requests": delivery.requests,
        "retries": delivery.retries,
        "delivered_adds": delivery.delivered_adds,
        "delivered_removes": delivery.delivered_removes,
    }


def _cohort(row: CohortView) -> dict[str, Json]:
    fields: dict[str, Json] = msgspec.structs.asdict(row)
    for name in ("id", "name", "last_answer"):
        fields[name] = printable(str(fields[name]))
    return fields


def _spread(found: Spread | None) -> Json:
    if found is None:
        return None
    seconds = {name: round(getattr(found, name), 3) for name in ("p50_s", "p99_s", "max_s")}
    return {"count": found.count, **seconds}


def _dead_letters(by_reason: Mapping[str, int]) -> Json:
    ordered = sorted(by_reason.items(), key=lambda entry: (-entry[1], entry[0]))
    return [
        {"reason": reason, "why": DEAD_LETTERS.get(reason, ""), "count": count}
        for reason, count in ordered
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
