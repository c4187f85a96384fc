from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import cast

import httpx
import pytest

from daemon.braze.body import encode_update
from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.credentials import Credentials
from daemon.braze.transport import SlotTransport
from daemon.braze.wire import AnswerTooLarge, TlsRefused
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Answer, Quota, Sent, Verdict

KEYS = Credentials("partner-key-canary", "client-secret-canary")
UPDATE = CohortUpdate.of("vip", {"member-canary": True})
OK = b'{"message":"success"}'
A, R, X, B = Verdict.ACCEPTED, Verdict.RETRY, Verdict.REFUSED, Verdict.BLOCKED
SURE, MAYBE, UNSENT = Sent.ANSWERED, Sent.AMBIGUOUS, Sent.UNSENT

Headers = list[tuple[str, str]]


def mocked(reply: Callable[[httpx.Request], object]) -> SlotTransport:
    return cast("SlotTransport", httpx.MockTransport(reply))  # type: ignore[arg-type]


def client_of(reply: Callable[[httpx.Request], httpx.Response]) -> BrazeClient:
    endpoint = Endpoint(url="https://braze.test/base/", partner="a/c me", id_prefix="eu-")
    return BrazeClient(endpoint, lambda: KEYS, transport=mocked(reply))


def answer_to(status: int, body: bytes = OK, headers: Headers | None = None) -> Answer:
    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

    return asyncio.run(client_of(reply).send_update(UPDATE, encode_update(UPDATE)))


def failure_of(error: Exception, *, sent: bool = True) -> Answer:
    def reply(request: httpx.Request) -> httpx.Response:
        request.extensions["attempt"].sent = sent
        raise error

    return asyncio.run(client_of(reply).send_update(UPDATE, encode_update(UPDATE)))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, OK, (A, SURE, "ok")),
        (201, b"{}", (A, SURE, "ok")),
        (202, b'{"message":"queued"}', (A, MAYBE, "queued")),
        (202, b"<html>", (R, MAYBE, "truncated")),
        (200, b"", (R, MAYBE, "truncated")),
        (204, b"", (R, MAYBE, "truncated")),
        (200, b'{"message":"succ', (R, MAYBE, "truncated")),
        (200, b"<html>welcome</html>", (R, MAYBE, "truncated")),
        (200, b"[1]", (R, MAYBE, "truncated")),
        (200, b'"success"', (R, MAYBE, "truncated")),
        (200, b"null", (R, MAYBE, "truncated")),
        (200, b'{"a":"\xff"}', (R, MAYBE, "truncated")),
        (400, b'{"message":"no"}', (X, SURE, "refused")),
        (400, b"<html>", (X, SURE, "refused")),
        (401, b'{"message":"Invalid partner API key"}', (B, SURE, "partner_key")),
        (401, b'{"message":"Invalid client secret"}', (B, SURE, "client_secret")),
        (401, b'{"message":"partner not enabled"}', (B, SURE, "partner_not_enabled")),
        (403, b"", (B, SURE, "forbidden")),
        (404, b"", (B, SURE, "not_found")),
        (408, b"", (R, MAYBE, "request_timeout")),
        (413, b"", (X, SURE, "too_large")),
        (418, b"", (B, SURE, "unexpected")),
        (423, b"", (R, SURE, "locked")),
        (429, b"", (R, SURE, "rate_limited")),
        (500, b"", (R, MAYBE, "server_error")),
        (302, b"", (B, MAYBE, "redirect")),
    ],
)
def test_an_answer_is_classified(
    status: int, body: bytes, expected: tuple[Verdict, Sent, str]
) -> None:
    answer = answer_to(status, body)

    assert (answer.verdict, answer.sent, answer.reason) == expected
    assert answer.status == status


@pytest.mark.parametrize(
    ("error", "verdict", "reason"),
    [
        (httpx.ConnectError("refused"), R, "connect"),
        (httpx.ConnectTimeout("late"), R, "connect"),
        (httpx.ProxyError("407"), R, "connect"),
        (TlsRefused("self-signed certificate"), B, "tls"),
        (httpx.ReadTimeout("late"), R, "timeout"),
        (httpx.WriteTimeout("late"), R, "timeout"),
        (httpx.ReadError("reset"), R, "reset"),
        (httpx.WriteError("reset"), R, "reset"),
        (httpx.RemoteProtocolError("illegal status line"), R, "truncated"),
        (AnswerTooLarge("large"), R, "truncated"),
    ],
)
def test_a_failure_is_classified(
    error: httpx.TransportError, verdict: Verdict, reason: str
) -> None:
    sent, unsent = failure_of(error), failure_of(error, sent=False)

    assert (sent.verdict, sent.sent, sent.reason) == (verdict, MAYBE, reason)
    assert (unsent.verdict, unsent.sent, unsent.reason) == (verdict, UNSENT, reason)
    assert sent.status is None
    assert sent.detail == str(error)


def test_a_transport_that_proves_nothing_counts_as_sent() -> None:
    def reply(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    answer = asyncio.run(client_of(reply).probe())

    assert answer.sent is MAYBE


def failing_once(error: Exception) -> BrazeClient:
    def reply(_: httpx.Request) -> httpx.Response:
        if errors:
            raise errors.pop()
        return httpx.Response(200, content=OK)

    errors = [error]
    return client_of(reply)


def test_a_machine_that_is_short_of_something_is_no_end_of_the_process() -> None:
    client = failing_once(OSError(24, "Too many open files"))

    answer = asyncio.run(client.probe())

    assert (answer.verdict, answer.reason) == (Verdict.RETRY, "connect")
    assert "Too many open files" in answer.detail
    assert asyncio.run(client.probe()).reason == "ok"


@pytest.mark.parametrize("error", [httpx.LocalProtocolError("ours"), ZeroDivisionError()])
def test_our_own_bugs_raise_and_leave_the_slot_usable(error: Exception) -> None:
    client = failing_once(error)

    with pytest.raises(type(error)):
        asyncio.run(client.probe())
    assert asyncio.run(client.probe()).reason == "ok"


def test_the_requests_are_the_documented_ones() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=OK)

    async def scenario() -> None:
        client = client_of(reply)
        await client.announce("vip", "VIP", "2026-01-02T03:04:05Z")
        await client.send_update(UPDATE, encode_update(UPDATE))
        await client.probe()

    seen: list[httpx.Request] = []
    asyncio.run(scenario())

    base = "https://braze.test/base/partners/a%2Fc%20me/cohorts"
    assert [str(request.url) for request in seen] == [base, base + "/users", base + "/users"]
    assert {request.method for request in seen} == {"POST"}
    for request in seen:
        body = b"".join(request.stream)  # type: ignore[arg-type]
        assert request.headers["content-length"] == str(len(body))
        assert request.headers["accept-encoding"] == "identity"
        assert request.headers["host"] == "braze.test"
        assert json.loads(body)["cohort_id"].startswith("eu-")
        assert json.loads(body)["client_secret"] == "client-secret-canary"


def test_each_attempt_asks_for_the_credentials_again() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(b"".join(request.stream))["client_secret"])  # type: ignore[arg-type]
        return httpx.Response(200, content=OK)

    async def scenario() -> None:
        await client.probe()
        keys.pop(0)
        await client.probe()

    keys = [Credentials("p", "old"), Credentials("p", "new")]
    seen: list[str] = []
    client = BrazeClient(
        Endpoint("https://braze.test", "acme"),
        lambda: keys[0],
        transport=mocked(reply),
    )
    asyncio.run(scenario())

    assert seen == ["old", "new"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], Quota()),
        (
            [
                ("X-RateLimit-Limit", "250000"),
                ("x-ratelimit-remaining", " 7 "),
                ("X-RATELIMIT-RESET", "1700000000"),
            ],
            Quota(250_000, 7, 1_700_000_000.0),
        ),
        ([("x-ratelimit-reset", "1700000000.5")], Quota(reset_at_s=1_700_000_000.5)),
        ([("x-ratelimit-remaining", "0")], Quota(remaining=0)),
        ([("x-ratelimit-reset", "soon")], Quota()),
        ([("x-ratelimit-reset", "-1")], Quota()),
        ([("x-ratelimit-reset", "NaN")], Quota()),
        ([("x-ratelimit-reset", "1e9")], Quota()),
        ([("x-ratelimit-reset", "9" * 5_000)], Quota()),
        ([("x-ratelimit-limit", "")], Quota()),
    ],
)
@pytest.mark.parametrize("status", [200, 429])
def test_the_quota_is_read_or_left_alone(status: int, headers: Headers, expected: Quota) -> None:
    assert answer_to(status, headers=headers).quota == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20", 20.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("999999999", 3_720.0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", None),
        ("-5", None),
        ("inf", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_only(value: str, expected: float | None) -> None:
    assert answer_to(429, headers=[("Retry-After", value)]).retry_after_s == expected


@pytest.mark.parametrize(
    ("errors", "count"),
    [("[]", 0), ("null", 0), ('["a","b"]', 2), ('{"a":1}', 1), ('"a"', 1), ("[{},{},{}]", 3)],
)
def test_errors_of_an_accepted_answer_are_counted(errors: str, count: int) -> None:
    answer = answer_to(201, f'{{"message":"success","errors":{errors}}}'.encode())

    assert answer.verdict is A
    assert answer.errors == count
    assert bool(answer.detail) == bool(count)


def test_an_error_nested_deeper_than_it_can_be_written_is_counted_all_the_same() -> None:
    deep = b"[" * 300 + b"]" * 300

    answer = answer_to(201, b'{"message": "x", "errors": %b}' % deep)

    assert (answer.verdict, answer.errors) == (A, 1)
    assert answer.detail == "x: an error nested too deeply to be shown"


def test_a_compressed_answer_is_never_unpacked() -> None:
    gzip = [("Content-Encoding", "gzip")]

    assert answer_to(200, OK, gzip).reason == "truncated"
    assert answer_to(400, OK, gzip).verdict is R
    assert answer_to(429, OK, gzip).reason == "rate_limited"
    assert answer_to(200, OK, [("Content-Encoding", "Identity")]).reason == "ok"


@pytest.mark.parametrize("status", [200, 201, 202, 301, 400, 401, 404, 500])
def test_no_answer_shows_a_credential_or_a_member(status: int) -> None:
    echo = b'{"message":"%b","errors":[{"id":"member-canary","k":"client-secret-canary"}]}' % (
        b"no: partner-key-canary client-secret-canary member-canary"
    )
    headers = [("Location", "https://client-secret-canary.test/?k=partner-key-canary")]

    for body in (echo, echo[:-1], b"x" + echo):
        assert "canary" not in repr(answer_to(status, body, headers))


def test_a_redirect_names_the_host_only() -> None:
    there = [("Location", "https://user:pw@elsewhere.test/path?token=1")]

    assert "https://elsewhere.test;" in answer_to(301, headers=there).detail
    assert "another path" in answer_to(308, headers=[("Location", "/login")]).detail
    assert "unreadable" in answer_to(307, headers=[("Location", "http://[x")]).detail


def test_a_slot_sends_one_request_at_a_time() -> None:
    async def reply(_: httpx.Request) -> httpx.Response:
        with pytest.raises(AssertionError):
            await client.probe()
        return httpx.Response(200, content=OK)

    client = BrazeClient(
        Endpoint("https://braze.test", "acme"), lambda: KEYS, transport=mocked(reply)
    )

    assert asyncio.run(client.probe()).reason == "ok"


def test_an_endpoint_hides_the_proxys_password() -> None:
    endpoint = Endpoint("https://braze.test", "acme", proxy="http://me:pw-canary@proxy:3128")
    client = BrazeClient(endpoint, lambda: KEYS)

    assert "canary" not in repr(endpoint)
    assert "canary" not in repr(client)
