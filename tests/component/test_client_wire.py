"""The client against raw servers that do what servers must not."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from daemon.core.verdict import Sent, Verdict
from tests.support.raw_servers import (
    BOMB,
    CHUNKED,
    OK,
    TIMEOUT_S,
    Behaviour,
    Reader,
    Writer,
    body,
    client_of,
    dribble_body,
    flood,
    flood_in_head,
    hang,
    hang_in_body,
    hang_unread,
    refuse_early,
    reset_unanswered,
    saying,
    send,
    serving,
)

LATE_S = 5.0  # Generous for a busy machine; none of these servers would ever end by itself.

A, R, X, B = Verdict.ACCEPTED, Verdict.RETRY, Verdict.REFUSED, Verdict.BLOCKED
MAYBE, SURE = Sent.AMBIGUOUS, Sent.ANSWERED
Case = tuple[Behaviour, Verdict, Sent, str, int | None]
CASES: dict[str, Case] = {
    "accepts": (saying(OK), A, SURE, "ok", 201),
    "accepts in chunks": (saying(CHUNKED), A, SURE, "ok", 200),
    "continues, then accepts": (saying(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), A, SURE, "ok", 201),
    "hangs": (hang, R, MAYBE, "timeout", None),
    "hangs without reading": (hang_unread, R, MAYBE, "timeout", None),
    "hangs in its answer": (hang_in_body, R, MAYBE, "timeout", 200),
    "dribbles its head": (saying(OK, dribble=True), R, MAYBE, "timeout", None),
    "dribbles its body": (dribble_body, R, MAYBE, "timeout", 200),
    "resets in the request": (reset_unanswered, R, MAYBE, "reset", None),
    "drops after the request": (saying(b""), R, MAYBE, "reset", None),
    "resets in its head": (saying(b"HTTP/1.1 2", then_reset=True), R, MAYBE, "reset", None),
    "resets in its answer": (saying(OK[:-3], then_reset=True), R, MAYBE, "reset", 201),
    "truncates its head": (saying(b"HTTP/1.1 2"), R, MAYBE, "truncated", None),
    "truncates its answer": (saying(OK[:-3]), R, MAYBE, "truncated", 201),
    "truncates its chunks": (saying(CHUNKED[:-3]), R, MAYBE, "truncated", 200),
    "truncates a refusal": (saying(body(b"400 No", b"{", length=9)), R, MAYBE, "truncated", 400),
    "truncates its limit": (
        saying(body(b"429 Slow", b"{", length=9)),
        R,
        MAYBE,
        "rate_limited",
        429,
    ),
    "speaks no HTTP": (saying(b"220 smtp ready\r\n\r\n"), R, MAYBE, "truncated", None),
    "sends a page": (saying(body(b"200 OK", b"<html>")), R, MAYBE, "truncated", 200),
    "sends nothing": (saying(body(b"200 OK", b"")), R, MAYBE, "truncated", 200),
    "sends a bomb": (saying(BOMB), R, MAYBE, "truncated", 200),
    "floods": (flood, R, MAYBE, "truncated", 200),
    "floods in its head": (flood_in_head, R, MAYBE, "truncated", None),
    "refuses early": (refuse_early, X, SURE, "too_large", 413),
    "redirects": (saying(body(b"308 There", b"", b"Location: /x\r\n")), B, MAYBE, "redirect", 308),
}


@pytest.mark.parametrize("name", CASES)
def test_a_server_that(name: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            began_s = time.monotonic()

            answer = await send(client)

            assert (answer.verdict, answer.sent, answer.reason) == (verdict, sent, reason)
            assert answer.status == status
            assert "canary" not in repr(answer)
            assert server.connections == 1
            assert time.monotonic() - began_s < LATE_S
            if reason == "timeout":
                assert time.monotonic() - began_s >= TIMEOUT_S

    behave, verdict, sent, reason, status = CASES[name]
    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert "canary" not in caplog.text


def test_two_hundred_failures_of_all_kinds_leave_the_slot_as_good_as_new() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await kinds[-1](reader, writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port, timeout_s=0.05) as client:
            for number in range(200):
                kinds.append(failing[number % len(failing)])
                answer = await send(client)
                assert answer.verdict is R
                reasons.add(answer.reason)
            kinds.append(saying(OK))
            # A busy machine may miss so short a deadline, but not every time.
            answers = [(await send(client)).verdict for _ in range(20)]
            assert A in answers

    failing = [case[0] for case in CASES.values() if case[1] is R]
    kinds: list[Behaviour] = []
    reasons: set[str] = set()
    asyncio.run(scenario())
    assert reasons >= {"timeout", "reset", "truncated", "rate_limited"}


def test_a_kept_connection_serves_one_request_after_another() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        for answer in (OK, CHUNKED, body(b"400 No", b"{}"), body(b"503 Busy", b"busy"), OK):
            await saying(answer)(reader, writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            reasons = [(await send(client)).reason for _ in range(5)]

            assert reasons == ["ok", "ok", "refused", "server_error", "ok"]
            assert server.connections == 1

    asyncio.run(scenario())
