"""What is taken for an answer to a request of ours, byte by byte."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import cast

import httpx
import pytest

from daemon.braze.http1 import Http1, Incoming
from daemon.braze.wire import Wire

OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-Quota: 7\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\n{}"


class ScriptedWire:
    """Gives pieces of an answer, then its end, and keeps what is sent."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = [*pieces, b""]
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive(self) -> bytes:
        return self._pieces.pop(0)


def http1(*pieces: bytes) -> tuple[Http1, ScriptedWire]:
    wire = ScriptedWire(*pieces)
    return Http1(cast("Wire", wire)), wire


async def _whole(connection: Http1) -> tuple[int, bytes, bytes, bool]:
    head = await connection.ask("POST", b"/x", [(b"Host", b"braze.test")], b"body")
    body = b"".join([part async for part in connection.body()])
    return head.status_code, head.reason, body, connection.next_cycle()


def exchange(*pieces: bytes) -> tuple[int, bytes, bytes, bool]:
    return asyncio.run(_whole(http1(*pieces)[0]))


def singly(answer: bytes) -> list[bytes]:
    return [answer[at : at + 1] for at in range(len(answer))]


@pytest.mark.parametrize("cut", [lambda answer: [answer], singly])
@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (OK, (201, b"Created", b"{}", True)),
        (CHUNKED, (200, b"OK", b"{}", True)),
        (TO_THE_END, (200, b"OK", b"{}", False)),
        (OK.replace(b"X-Quota: 7", b"Connection: close"), (201, b"Created", b"{}", False)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"No Content", b"", True)),
        (b"HTTP/1.1 429 \r\nContent-Length: 0\r\n\r\n", (429, b"", b"", True)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (201, b"Created", b"{}", True)),
        (CHUNKED.replace(b"\r\n2\r\n", b"\r\n2   \r\n"), (200, b"OK", b"{}", True)),
        (b"HTTP/1.1 103 Early\r\nA: b\r\n\r\n" + CHUNKED, (200, b"OK", b"{}", True)),
    ],
)
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(
    answer: bytes,
    found: tuple[int, bytes, bytes, bool],
    cut: object,
) -> None:
    assert callable(cut)

    assert exchange(*cut(answer)) == found


def test_what_comes_behind_an_answer_changes_nothing_of_it() -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    assert exchange(refusal + OK)[:3] == (400, b"Bad Request", b"")
    assert exchange(OK + refusal)[:3] == (201, b"Created", b"{}")
    assert exchange(OK + b"\0\0")[:3] == (201, b"Created", b"{}")
    assert exchange(OK + SWITCHING)[:3] == (201, b"Created", b"{}")


def test_headers_come_as_they_were_and_those_of_an_informational_answer_do_not() -> None:
    incoming = Incoming()
    incoming.feed(b"HTTP/1.1 102 Wait\r\nX-Quota: 9\r\n\r\n" + OK)

    assert incoming.head is not None
    assert incoming.head.headers == [(b"Content-Length", b"2"), (b"X-Quota", b"7")]
    assert incoming.head.body_length == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"RTSP/1.0 201 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"ICE/1.0 201 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/2.0 201 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 2001 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"{}\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        OK.replace(b"2\r\n", b"-2\r\n"),
        OK.replace(b"2\r\n", b"2, 2\r\n"),
        OK.replace(b"X-Quota: 7", b"Content-Length: 3"),
        OK.replace(b"X-Quota: 7", b"Transfer-Encoding: chunked"),
        OK.replace(b"X-Quota: 7", b"X-Quota 7"),
        CHUNKED.replace(b"\r\n2\r\n", b"\r\nzz\r\n"),
        CHUNKED.replace(b"chunked", b"gzip"),
        SWITCHING + OK,
        OK.replace(b"201", b"099"),
        OK.replace(b"201", b"099") + OK,
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"Transfer", b"Transfer-Encoding: gzip\r\nTransfer"),
        OK[:-1],
        OK[:10],
        CHUNKED[:-3],
    ],
)
@pytest.mark.parametrize("cut", [lambda answer: [answer], singly])
def test_what_is_no_whole_answer_is_none(answer: bytes, cut: object) -> None:
    assert callable(cut)

    with pytest.raises(httpx.RemoteProtocolError):
        exchange(*cut(answer))


@pytest.mark.parametrize("cut", [lambda answer: [answer], singly])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n",
        b"HTTP/1.1 429 Slow\r\nContent-Length: 5\r\n\r\n{}",
    ],
)
def test_a_status_counts_whatever_comes_of_its_body(answer: bytes, cut: object) -> None:
    assert callable(cut)
    connection, _ = http1(*cut(answer))
    body = bytearray()

    async def read() -> None:
        head = await connection.ask("POST", b"/x", [])
        assert head.status_code == 429
        async for part in connection.body():
            body.extend(part)

    with pytest.raises(httpx.RemoteProtocolError):
        asyncio.run(read())
    assert body == b"{}"
    assert not connection.next_cycle()


def test_a_trailer_is_no_header() -> None:
    incoming = Incoming()
    incoming.feed(CHUNKED[:-2] + b"Retry-After: 3000\r\n\r\n")

    assert incoming.whole
    assert incoming.head is not None
    assert incoming.head.headers == [(b"Transfer-Encoding", b"chunked")]


def test_a_length_of_thousands_of_digits_is_no_length() -> None:
    incoming = Incoming()
    incoming.feed(OK.replace(b"2\r\n", b"0" * 5_000 + b"2\r\n"))

    assert incoming.head is not None
    assert incoming.head.body_length is None


def test_an_answer_leaves_nothing_to_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for pieces in ([OK], singly(CHUNKED), [TO_THE_END]):
            connection, _ = http1(*pieces)
            asyncio.run(_whole(connection))
            incoming = weakref.ref(connection._incoming)
            del connection
            assert incoming() is None, pieces
    finally:
        gc.enable()


def test_a_request_leaves_in_one_piece_as_it_was_written() -> None:
    connection, wire = http1(OK)

    asyncio.run(_whole(connection))

    assert wire.sent == [b"POST /x HTTP/1.1\r\nHost: braze.test\r\n\r\nbody"]


@pytest.mark.parametrize("value", [b"a\r\nX: y", b"a\nb", b"a\0b", b"a\x7f"])
def test_a_value_that_would_be_a_line_of_its_own_is_never_sent(value: bytes) -> None:
    connection, wire = http1(OK)

    with pytest.raises(httpx.LocalProtocolError, match="control character"):
        asyncio.run(connection.ask("POST", b"/x", [(b"Proxy-Authorization", value)]))
    assert wire.sent == []
