"""What a server or network does to a request, and when: 17 outcomes by 6 phases, each classified.

The table says what is right by G4 and G2, without asking the daemon's own judge. Chance moves cut
points, pieces and framing; MATRIX_SEEDS=n runs every cell n times, each with another seed.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from daemon.braze.body import encode_update
from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.transport import SlotTransport
from daemon.braze.wire import Wire, WireBackend
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Answer, Sent, Verdict
from tests.support.raw_servers import ENCODED, KEYS, UPDATE, narrow_port, serving
from tests.support.striking import Ends, Outcome, Phase, Plan, StrikingServer

SEEDS = int(os.environ.get("MATRIX_SEEDS", "1"))
SILENCE_S = 1.0  # The deadline where nothing else ends an attempt.
DEADLINE_S = 30.0
LATE_S = 5.0  # What a busy machine may add to a deadline.
RESET_AT_S = 1_800_000_000.0

_LARGE = CohortUpdate.of("vip", {f"member-canary-{i}-{'x' * 960}": True for i in range(1_000)})
LARGE = (_LARGE, encode_update(_LARGE))
SMALL = (UPDATE, ENCODED)
_ERRORS = b'{"message":"success","errors":[{"type":"one"},{"type":"another"}]}'
_NO = b'{"message":"no"}'

OUTCOMES = (
    Outcome("success", "201 Created"),
    Outcome("errors", body=_ERRORS),
    Outcome("queued", "202 Accepted", b'{"message":"queued"}'),
    Outcome("redirect", "307 Temporary Redirect", _NO, b"Location: http://127.0.0.1:9/x\r\n"),
    Outcome("bad_request", "400 Bad Request", _NO),
    Outcome("unauthorized", "401 Unauthorized", b'{"message":"Invalid client secret"}'),
    Outcome("forbidden", "403 Forbidden", _NO),
    Outcome("not_found", "404 Not Found", _NO),
    Outcome("request_timeout", "408 Request Timeout", _NO),
    Outcome("too_large", "413 Content Too Large", _NO),
    Outcome("locked", "423 Locked", _NO),
    Outcome("rate_limited", "429 Too Many", _NO, b"X-RateLimit-Reset: %d\r\n" % RESET_AT_S),
    Outcome("server_error", "500 Internal Server Error", _NO),
    Outcome("unavailable", "503 Service Unavailable", b"<html>busy</html>"),
    Outcome("reset", ends=Ends.RESET),
    Outcome("close", ends=Ends.CLOSE),
    Outcome("silence", ends=Ends.SILENCE),
)

A, R, X, B = Verdict.ACCEPTED, Verdict.RETRY, Verdict.REFUSED, Verdict.BLOCKED
MAYBE, SURE = Sent.AMBIGUOUS, Sent.ANSWERED
Cell = tuple[Verdict, Sent, str]

# The peer hung up, or said what nobody had asked, before a byte left: it can't have been applied.
UNSENT: Cell = (R, Sent.UNSENT, "reset")
UNHEARD: Cell = (R, Sent.UNSENT, "connect")  # No connection came to stand.
CUT: Cell = (R, MAYBE, "truncated")
OK: Cell = (A, SURE, "ok")
QUEUED: Cell = (A, MAYBE, "queued")
BAD: Cell = (X, SURE, "refused")
LARGE_: Cell = (X, SURE, "too_large")
LOST: Cell = (R, MAYBE, "reset")
LATE: Cell = (R, MAYBE, "timeout")


def _same(
    verdict: Verdict, sent: Sent, reason: str, *, cut: Cell | None = None
) -> tuple[Cell, ...]:
    """A status that means the same wherever its head came whole."""
    heard = (verdict, sent, reason)
    return UNSENT, heard, heard, CUT, cut or (verdict, MAYBE, reason), heard


# Before send, during, after, in headers, in body, after close. Three rules made it:
# - A head that is cut says nothing, be it of a 401 or a 200: nothing is concluded but "perhaps".
# - A body that is cut leaves the status, but not the certainty, and never an end of the members'
#   journey: no acceptance (G2), and no refusal, which would dead-letter them.
# - A 2xx said to a request that was not read whole accepts nothing; a 4xx may well refuse it.
EXPECTED: dict[str, tuple[Cell, ...]] = {
    "success": (UNSENT, CUT, OK, CUT, CUT, OK),
    "errors": (UNSENT, CUT, OK, CUT, CUT, OK),
    "queued": (UNSENT, CUT, QUEUED, CUT, CUT, QUEUED),
    "redirect": _same(B, MAYBE, "redirect"),
    "bad_request": (UNSENT, BAD, BAD, CUT, CUT, BAD),
    "unauthorized": _same(B, SURE, "client_secret"),
    "forbidden": _same(B, SURE, "forbidden"),
    "not_found": _same(B, SURE, "not_found"),
    "request_timeout": _same(R, MAYBE, "request_timeout"),
    "too_large": (UNSENT, LARGE_, LARGE_, CUT, CUT, LARGE_),
    "locked": _same(R, SURE, "locked"),
    "rate_limited": _same(R, SURE, "rate_limited"),
    "server_error": _same(R, MAYBE, "server_error"),
    "unavailable": _same(R, MAYBE, "server_error"),
    "reset": (UNSENT, LOST, LOST, LOST, LOST, LOST),
    "close": (UNSENT, LOST, LOST, CUT, CUT, LOST),
    "silence": (UNHEARD, LATE, LATE, LATE, LATE, LATE),
}
CELLS = {
    f"{outcome.name}-{phase.value}": (outcome, phase, EXPECTED[outcome.name][column])
    for outcome in OUTCOMES
    for column, phase in enumerate(Phase)
}


def test_the_matrix_is_whole() -> None:
    assert len(OUTCOMES) == len(EXPECTED) == 17
    assert len(CELLS) == 102
    assert {cell[0] for *_, cell in CELLS.values()} == set(Verdict)
    assert {cell[1] for *_, cell in CELLS.values()} == set(Sent)


@pytest.mark.parametrize("name", CELLS)
def test_an_attempt_is_classified_exactly(name: str) -> None:
    outcome, phase, expected = CELLS[name]
    for seed in range(1, SEEDS + 1):
        print(f"seed {seed} of {name}")
        plan = Plan(outcome, phase, random.Random(f"{name}-{seed}"))
        asyncio.run(_run(plan, expected))


async def _run(plan: Plan, expected: Cell) -> None:
    open_before = _open_sockets()
    server = StrikingServer(plan)
    timeout_s = SILENCE_S if plan.outcome.ends is Ends.SILENCE else DEADLINE_S
    with narrow_port() as port:
        number = port.getsockname()[1]
        async with AsyncExitStack() as stack:
            if expected is not UNHEARD:
                await stack.enter_async_context(serving(server.behave, at=port))
            client, backend = await stack.enter_async_context(_client(port, server, timeout_s))

            if expected is UNHEARD:
                answer = await _unheard(client, port, server)
            else:
                await _prepare(client, plan, server)
                backend.patient = plan.phase is Phase.BEFORE_SEND
                answer = await client.send_update(*(LARGE if plan.large else SMALL))

            lasted_s, connections, still_open = server.clock(), len(server.seen), backend.open()
            backend.patient = False
            server.calm()
            if expected is UNHEARD:
                await stack.enter_async_context(serving(server.behave, at=port))
            following = await client.send_update(*SMALL)

    assert (answer.verdict, answer.sent, answer.reason) == expected, answer
    assert following.reason == "ok", following
    _check_words(plan, answer)
    _check_arrivals(plan, server, connections)
    goes_on = plan.answers_whole and plan.phase in {Phase.AFTER, Phase.AFTER_CLOSE}
    assert still_open == goes_on
    late_s = SILENCE_S + LATE_S if timeout_s == SILENCE_S else DEADLINE_S
    assert lasted_s < late_s
    if timeout_s == SILENCE_S:
        assert lasted_s >= SILENCE_S
    await _wait_until(lambda: not _left_open(open_before, number))
    assert asyncio.all_tasks() == {asyncio.current_task()}


@asynccontextmanager
async def _client(
    port: socket.socket, server: StrikingServer, timeout_s: float
) -> AsyncIterator[tuple[BrazeClient, _Backend]]:
    url = f"http://127.0.0.1:{port.getsockname()[1]}"
    endpoint = Endpoint(url, "acme", request_timeout_s=timeout_s)
    transport = SlotTransport(url, clock=server.clock)
    backend = transport._backend = _Backend(server)
    client = BrazeClient(endpoint, lambda: KEYS, clock=server.clock, transport=transport)
    yield client, backend
    await client.aclose()


async def _prepare(client: BrazeClient, plan: Plan, server: StrikingServer) -> None:
    """Come to a kept connection, or to none yet, and to the moment at which to send."""
    if plan.kept:
        assert (await client.send_update(*SMALL)).reason == "ok"
    server.arm()
    if plan.phase is Phase.AFTER_CLOSE:
        await server.closed.wait()
    if plan.phase is Phase.BEFORE_SEND:
        await server.struck.wait()


class _Backend(WireBackend):
    """Remembers its connections; a patient one lets the server strike before the first byte."""

    def __init__(self, server: StrikingServer) -> None:
        super().__init__(None, server.clock)
        self.patient = False
        self.wires: list[Wire] = []

    async def connect_tcp(self, *args: Any, **more: Any) -> Wire:  # noqa: ANN401 - as it is
        wire = await super().connect_tcp(*args, **more)
        self.wires.append(wire)
        if self.patient:
            await _wait_until(wire._raw.is_closing)
        return wire

    def open(self) -> int:
        return sum(not wire._raw.is_closing() for wire in self.wires)


async def _unheard(client: BrazeClient, port: socket.socket, server: StrikingServer) -> Answer:
    """Send where the kernel drops whoever knocks, since nobody lets the first ones in."""
    port.listen(0)
    crowd = [socket.socket() for _ in range(4)]
    for one in crowd:
        one.setblocking(False)
        one.connect_ex(port.getsockname())
    server.strike()
    answer = await client.send_update(*SMALL)
    for one in crowd:
        one.close()
    return answer


def _check_words(plan: Plan, answer: Answer) -> None:
    """What was heard of the answer is told, and nothing that must not be."""
    heard = plan.phase is Phase.IN_BODY or (
        plan.outcome.ends is Ends.ANSWER and plan.phase not in {Phase.BEFORE_SEND, Phase.IN_HEADERS}
    )
    status = int(plan.outcome.status[:3]) if heard else None
    if plan.outcome.ends is Ends.RESET:
        assert answer.status in {status, None}  # TCP may drop what had come before a reset.
    else:
        assert answer.status == status
    assert "canary" not in repr(answer)
    if plan.outcome.name == "rate_limited" and heard:
        assert answer.quota.reset_at_s == RESET_AT_S
    accepted = answer.verdict is Verdict.ACCEPTED
    assert answer.errors == (2 if plan.outcome.name == "errors" and accepted else 0)


def _check_arrivals(plan: Plan, server: StrikingServer, connections: int) -> None:
    """A request leaves once, whole unless it was struck before that; unsent is no byte at all."""
    assert connections == 1 + (
        plan.kept and plan.phase in {Phase.BEFORE_SEND, Phase.AFTER_CLOSE}
    ) - (plan.phase is Phase.BEFORE_SEND and not plan.kept)
    arrived = plan.phase not in {Phase.BEFORE_SEND, Phase.DURING}
    assert sum(seen.whole for seen in server.seen) == plan.kept + arrived + 1
    strays = [seen.partial_bytes for seen in server.seen if seen.partial_bytes]
    assert len(strays) == (plan.phase is Phase.DURING)


def _left_open(before: frozenset[str], port: int) -> frozenset[str]:
    """Return the sockets opened since, but for those with others: clients of Kafka come and go."""
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    ours = f":{port:04X}"
    elsewhere = {f"socket:[{line[9]}]" for line in lines if ours not in line[1] + line[2]}
    return _open_sockets() - before - elsewhere


def _open_sockets() -> frozenset[str]:
    found = set()
    for file in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # It was open only to read this folder.
            found.add(str(file.readlink()))
    return frozenset(name for name in found if name.startswith("socket:"))


async def _wait_until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        for _ in iter(holds, True):
            await asyncio.sleep(0)
