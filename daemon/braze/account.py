"""Whom each request named and what became of it: debug lines, for who asks about one person.

At info and above nothing is built for them: the lists are handed over as they are.
"""

from __future__ import annotations

from daemon.core.delivery import Attempt
from daemon.core.verdict import Answer
from daemon.logs import event, get_logger


def log_answer(attempt: Attempt, answer: Answer, seconds: float) -> None:
    """Say what became of a request with members in it."""
    update = attempt.update
    if update is None:
        return
    get_logger().debug(
        event.UPDATE_ANSWERED,
        cohort=attempt.cohort,
        attempt=attempt.id,
        verdict=answer.verdict.value,
        sent=answer.sent.value,
        reason=answer.reason,
        status=answer.status,
        seconds=round(seconds, 3),
        adds=len(update.added),
        removes=len(update.removed),
        added=update.added,
        removed=update.removed,
    )
