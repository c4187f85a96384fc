"""What is taken for a whole answer is what h11 takes for it, whatever was done to its bytes."""

from __future__ import annotations

from typing import TypeAlias

import h11
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.braze.http1 import Incoming

# Status and body; None where there is no whole answer.
Whole: TypeAlias = tuple[int, bytes] | None

ANSWERS = (
    b'HTTP/1.1 201 Created\r\nContent-Length: 21\r\nX-A: b\r\n\r\n{"message":"success"}',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n01\r\n}\r\n0\r\nT: x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\n{}",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 400 No\r\nContent-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}",
)
LINES = (b"HTTP/1.1 200 OK", b"Content-Length: 0", b"Transfer-Encoding: chunked")
CHARACTERS = (b"", b"\r\n", b"\n", b"\0", b" ", b":", b"0", b"9", b"\r\n\r\n")
PIECES = st.sampled_from([*CHARACTERS, *(line + b"\r\n" for line in LINES)])
EDITS = st.lists(st.tuples(st.integers(0, 130), st.integers(0, 4), PIECES), max_size=4)


def edited(answer: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, removed, put_in in edits:
        answer = answer[:at] + put_in + answer[at + removed :]
    return answer


def ours(pieces: list[bytes]) -> Whole:
    incoming, body = Incoming(), b""
    try:
        for piece in pieces:
            incoming.feed(piece)
            body += incoming.take_body()
        body += incoming.take_body()
        if not incoming.whole:
            incoming.end()
    except httpx.RemoteProtocolError:
        return None
    assert incoming.head is not None
    return incoming.head.status_code, body


def by_h11(answer: bytes) -> Whole:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(answer)
    head: h11.Response | None = None
    body, ended = b"", False
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return head.status_code, body
        elif event is h11.NEED_DATA and not ended:
            ended = True
            connection.receive_data(b"")
        elif not isinstance(event, h11.InformationalResponse):
            return None


@settings(
    max_examples=2_000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.sampled_from(ANSWERS), EDITS, st.sampled_from([1, 7, 1_000]))
def test_what_both_take_for_an_answer_they_read_alike(
    answer: bytes, edits: list[tuple[int, int, bytes]], size: int
) -> None:
    data = edited(answer, edits)
    found = ours([data[at : at + size] for at in range(0, len(data), size)])

    assert ours([data]) == found
    try:
        theirs = by_h11(data)
    except h11.RemoteProtocolError:
        return  # One of both is stricter.
    assert found is None or theirs is None or found == theirs


@pytest.mark.parametrize("answer", ANSWERS[:-1])
def test_both_take_an_answer_that_is_one(answer: bytes) -> None:
    assert by_h11(answer) is not None
    assert ours([answer]) == by_h11(answer)
