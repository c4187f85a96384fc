from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from daemon.braze.answer import Heard, Unquotable, read_answer
from daemon.braze.wire import AnswerTooLarge, TlsRefused, _connect_failure
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Sent, Verdict

UNQUOTABLE = Unquotable(("secret-canary",), CohortUpdate.of("vip", {"member-canary": True}))


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (httpx.ReadTimeout("no whole answer"), "timeout"),
        (httpx.ReadError("reset by peer"), "reset"),
        (httpx.RemoteProtocolError("peer closed"), "truncated"),
        (AnswerTooLarge("larger than 65536 bytes"), "truncated"),
    ],
)
def test_half_an_answer_says_how_it_ended_and_is_not_quoted(
    failure: httpx.TransportError, reason: str
) -> None:
    heard = Heard(200, [(b"X-RateLimit-Remaining", b"5")], b'{"message":"secret-can', failure)

    answer = read_answer(heard, UNQUOTABLE)

    assert (answer.verdict, answer.sent, answer.reason) == (Verdict.RETRY, Sent.AMBIGUOUS, reason)
    assert answer.detail == f"200, then: {failure}"
    assert answer.quota.remaining == 5


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        (400, Verdict.RETRY, "timeout"),
        (401, Verdict.BLOCKED, "client_secret"),
        (404, Verdict.BLOCKED, "not_found"),
        (429, Verdict.RETRY, "rate_limited"),
        (503, Verdict.RETRY, "server_error"),
    ],
)
def test_half_a_refusal_refuses_nobody(status: int, verdict: Verdict, reason: str) -> None:
    answer = read_answer(Heard(status, [], b"", httpx.ReadTimeout("late")), UNQUOTABLE)

    assert (answer.verdict, answer.reason, answer.sent) == (verdict, reason, Sent.AMBIGUOUS)


@pytest.mark.parametrize(
    ("status", "verdict", "sent", "reason"),
    [
        (201, Verdict.RETRY, Sent.AMBIGUOUS, "truncated"),
        (202, Verdict.RETRY, Sent.AMBIGUOUS, "truncated"),
        (413, Verdict.REFUSED, Sent.ANSWERED, "too_large"),
        (401, Verdict.BLOCKED, Sent.ANSWERED, "client_secret"),
    ],
)
def test_a_request_that_had_not_left_whole_can_be_refused_but_not_accepted(
    status: int, verdict: Verdict, sent: Sent, reason: str
) -> None:
    answer = read_answer(Heard(status, [], b'{"message":"success"}', early=True), UNQUOTABLE)

    assert (answer.verdict, answer.sent, answer.reason) == (verdict, sent, reason)
    assert ("before the whole request" in answer.detail) is (status < 300)


def test_what_must_not_be_quoted_does_not_show_itself() -> None:
    assert "canary" not in repr(UNQUOTABLE)


def test_an_error_is_sampled_without_the_member_it_names() -> None:
    body = b'{"message":"success","errors":[{"id":"member-canary","type":"unknown"},{}]}'

    answer = read_answer(Heard(201, [], body), UNQUOTABLE)

    assert answer.errors == 2
    assert answer.detail == 'success: {"id":"[id]","type":"unknown"}'


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError(), httpx.ConnectTimeout),
        (ssl.SSLCertVerificationError(1, "self-signed"), TlsRefused),
        (ssl.SSLError(1, "wrong version number"), TlsRefused),
        (ssl.SSLEOFError(8, "eof"), httpx.ConnectError),
        (ssl.SSLZeroReturnError(6, "closed"), httpx.ConnectError),
        (ConnectionRefusedError(111, "refused"), httpx.ConnectError),
        (socket.gaierror(-2, "unknown name"), httpx.ConnectError),
        (UnicodeError("label too long"), httpx.ConnectError),
    ],
)
def test_only_what_tls_itself_refuses_needs_a_person(
    error: Exception, kind: type[httpx.TransportError]
) -> None:
    assert type(_connect_failure(error, "connecting")) is kind
