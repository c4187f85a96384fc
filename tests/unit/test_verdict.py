from __future__ import annotations

import pytest

from daemon.core.verdict import (
    Answer,
    Sent,
    Verdict,
    judge,
    judge_401,
    judge_failure,
)

A, R, X, B = Verdict.ACCEPTED, Verdict.RETRY, Verdict.REFUSED, Verdict.BLOCKED
SURE, MAYBE = Sent.ANSWERED, Sent.AMBIGUOUS


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (101, (B, MAYBE, "unexpected")),
        (200, (A, SURE, "ok")),
        (201, (A, SURE, "ok")),
        (202, (A, MAYBE, "queued")),
        (299, (A, SURE, "ok")),
        (301, (B, MAYBE, "redirect")),
        (308, (B, MAYBE, "redirect")),
        (400, (X, SURE, "refused")),
        (401, (B, SURE, "client_secret")),
        (402, (B, SURE, "unexpected")),
        (403, (B, SURE, "forbidden")),
        (404, (B, SURE, "not_found")),
        (408, (R, MAYBE, "request_timeout")),
        (413, (X, SURE, "too_large")),
        (423, (R, SURE, "locked")),
        (429, (R, SURE, "rate_limited")),
        (499, (B, SURE, "unexpected")),
        (500, (R, MAYBE, "server_error")),
        (503, (R, MAYBE, "server_error")),
        (999, (R, MAYBE, "server_error")),
    ],
)
def test_status_decides(status: int, expected: tuple[Verdict, Sent, str]) -> None:
    assert judge(status) == expected


def test_an_answer_that_is_not_whole_ends_no_members_journey() -> None:
    for status in range(100, 1000):
        verdict, sent, reason = judge(status, whole=False)

        assert verdict in {R, B}
        assert sent is MAYBE
        assert (reason == "truncated") == (judge(status)[0] in {A, X})


def test_certainty_needs_a_2xx_or_a_4xx() -> None:
    certain = {status for status in range(100, 1000) if judge(status)[1] is SURE}

    assert certain == {*range(200, 300), *range(400, 500)} - {202, 408}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"message":"Invalid partner API key"}', "partner_key"),
        ("invalid partner_api_key", "partner_key"),
        ("Invalid client secret", "client_secret"),
        ("invalid client_secret", "client_secret"),
        ("Partner not enabled for client", "partner_not_enabled"),
        ("Unauthorized", "client_secret"),
        ("", "client_secret"),
    ],
)
def test_the_401_texts_are_told_apart(text: str, reason: str) -> None:
    assert judge_401(text) == reason
    assert judge(401, text) == (B, SURE, reason)


@pytest.mark.parametrize(
    ("reason", "verdict"),
    [("timeout", R), ("connect", R), ("reset", R), ("truncated", R), ("tls", B), ("new", R)],
)
def test_a_failure_is_ambiguous_exactly_if_bytes_left(reason: str, verdict: Verdict) -> None:
    sent = judge_failure(reason, bytes_sent=True, detail="d")
    unsent = judge_failure(reason, bytes_sent=False)

    assert sent == Answer(verdict, MAYBE, reason, detail="d")
    assert unsent == Answer(verdict, Sent.UNSENT, reason)
    assert sent.ambiguous
    assert not unsent.ambiguous
