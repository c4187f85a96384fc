"""What one attempt at Braze means: decided by tables, total by construction.

Facts about Braze's answers: its documentation, "Errors & responses" and "Cohort import". An
answer nobody documented is BLOCKED: nothing is dropped, a person is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What to do after an attempt. The comment says what the operator gets."""

    ACCEPTED = "accepted"  # Braze has it; the ids are done.
    RETRY = "retry"  # Not our fault; tried again later, for as long as it takes.
    REFUSED = "refused"  # This body will never be taken; its culprits are dead-lettered.
    BLOCKED = "blocked"  # Credentials, plan or address; nothing is dropped, tried slowly.


class Sent(Enum):
    """How far an attempt got, which decides whether Braze may have applied it (G4)."""

    UNSENT = "unsent"  # No byte of the request left: it can't have been applied.
    AMBIGUOUS = "ambiguous"  # Bytes left; no clear last word came back: applied, now, later or not.
    ANSWERED = "answered"  # A 2xx or 4xx (other than 408) with a whole body: it's known.


@dataclass(frozen=True, slots=True)
class Quota:
    """The X-RateLimit headers: requests of the hour, those left, Unix time of the reset."""

    limit: int | None = None
    remaining: int | None = None
    reset_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole meaning of one attempt.

    `reason` is from a closed set: `ok`, `queued`, `timeout`, `connect`, `tls`, `reset`,
    `truncated`, `rate_limited`, `locked`, `server_error`, `partner_key`, `client_secret`,
    `partner_not_enabled`, `forbidden`, `not_found`, `redirect`, `refused`, `too_large`,
    `request_timeout`, `unexpected`. `status` is as far as the answer came: an attempt that broke
    off in the body has one too. `detail` is at most 256 characters of what was said, with secrets
    and member ids masked. `retry_after_s` is a delay from `Retry-After`.
    """

    verdict: Verdict
    sent: Sent
    reason: str
    status: int | None = None
    detail: str = ""
    quota: Quota = Quota()
    retry_after_s: float | None = None
    errors: int = 0  # Entries of `errors` in an accepted answer: counted, not fatal.
    late: bool = False  # The request may have left after its deadline: no client can prevent that.

    @property
    def ambiguous(self) -> bool:
        """Braze may still apply this attempt after a later one (G4)."""
        return self.sent is Sent.AMBIGUOUS


# Of a whole answer outside 2xx: verdict, certainty, reason. What is missing here is decided by
# its hundred in `_judge_other`.
_BY_STATUS = {
    400: (Verdict.REFUSED, Sent.ANSWERED, "refused"),
    401: (Verdict.BLOCKED, Sent.ANSWERED, "client_secret"),  # Its text may differ: `judge_401`.
    403: (Verdict.BLOCKED, Sent.ANSWERED, "forbidden"),
    404: (Verdict.BLOCKED, Sent.ANSWERED, "not_found"),
    408: (Verdict.RETRY, Sent.AMBIGUOUS, "request_timeout"),
    413: (Verdict.REFUSED, Sent.ANSWERED, "too_large"),
    423: (Verdict.RETRY, Sent.ANSWERED, "locked"),
    429: (Verdict.RETRY, Sent.ANSWERED, "rate_limited"),
}

# Fragments of Braze's 401 texts, lower case, in the order they are looked for.
_401_TEXTS = (
    ("partner api key", "partner_key"),
    ("client secret", "client_secret"),
    ("not enabled", "partner_not_enabled"),
)


def judge(status: int, text: str = "", *, whole: bool = True) -> tuple[Verdict, Sent, str]:
    """Return verdict, certainty and reason of an answer with this status and body text.

    `whole` says that the body arrived complete and readable, which for a 2xx means: it is a JSON
    object. An answer that is not whole is never ACCEPTED or REFUSED, because both end the ids'
    journey, and never certain.
    """
    verdict, sent, reason = _judge_whole(status, text)
    if whole:
        return verdict, sent, reason
    if verdict in {Verdict.ACCEPTED, Verdict.REFUSED}:
        return Verdict.RETRY, Sent.AMBIGUOUS, "truncated"
    return verdict, Sent.AMBIGUOUS, reason


def _judge_whole(status: int, text: str) -> tuple[Verdict, Sent, str]:
    if status == 202:  # noqa: PLR2004
        return Verdict.ACCEPTED, Sent.AMBIGUOUS, "queued"  # Taken, but applied who knows when.
    if 200 <= status < 300:  # noqa: PLR2004
        return Verdict.ACCEPTED, Sent.ANSWERED, "ok"
    verdict, sent, reason = _BY_STATUS.get(status) or _judge_other(status)
    return verdict, sent, judge_401(text) if status == 401 else reason  # noqa: PLR2004


def _judge_other(status: int) -> tuple[Verdict, Sent, str]:
    if 300 <= status < 400:  # noqa: PLR2004
        return Verdict.BLOCKED, Sent.AMBIGUOUS, "redirect"
    if 400 <= status < 500:  # noqa: PLR2004
        return Verdict.BLOCKED, Sent.ANSWERED, "unexpected"
    if status >= 500:  # noqa: PLR2004
        return Verdict.RETRY, Sent.AMBIGUOUS, "server_error"
    return Verdict.BLOCKED, Sent.AMBIGUOUS, "unexpected"  # 1xx is no answer.


def judge_401(text: str) -> str:
    """Tell Braze's 401 texts apart: each has its own next step for the operator."""
    lowered = text.lower().replace("_", " ")
    return next((reason for part, reason in _401_TEXTS if part in lowered), "client_secret")


_FAILURES = {  # What went wrong on the way, where no status came back.
    "timeout": Verdict.RETRY,
    "connect": Verdict.RETRY,
    "reset": Verdict.RETRY,
    "truncated": Verdict.RETRY,
    "tls": Verdict.BLOCKED,
}


def judge_failure(reason: str, *, bytes_sent: bool, detail: str = "") -> Answer:
    """Return the answer for an attempt that ended without a status."""
    verdict = _FAILURES.get(reason, Verdict.RETRY)
    sent = Sent.AMBIGUOUS if bytes_sent else Sent.UNSENT
    return Answer(verdict, sent, reason, detail=detail)
