"""Raw servers that do to a client what servers must not, and a client to send to them."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from daemon.braze.body import encode_update
from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.credentials import Credentials
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Answer
from daemon.tools.simulator.server import stop_listening

KEYS = Credentials("partner-key-canary", "client-secret-canary")
UPDATE = CohortUpdate.of("vip", {f"member-canary-{i}": True for i in range(1_000)})
ENCODED = encode_update(UPDATE)
OK = b'HTTP/1.1 201 Created\r\nContent-Length: 21\r\n\r\n{"message":"success"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
TIMEOUT_S = 0.3
READ_AHEAD_BYTES = 16_384  # At a narrow port asyncio reads no more by itself.

Reader: TypeAlias = asyncio.StreamReader
Writer: TypeAlias = asyncio.StreamWriter
Behaviour: TypeAlias = Callable[[Reader, Writer], Awaitable[None]]


class Server:
    """Counts connections; what happens on each is left to `behave`."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self.connections = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._behave(reader, writer)
        finally:
            writer.close()

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(
    behave: Behaviour, tls: ssl.SSLContext | None = None, at: socket.socket | None = None
) -> AsyncIterator[Server]:
    server = Server(behave)
    if at is None:
        listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, ssl=tls)
    else:
        listener = await asyncio.start_server(
            server.accept, sock=at, ssl=tls, limit=READ_AHEAD_BYTES
        )
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        await stop_listening(listener)
        await server.end()


def narrow_port() -> socket.socket:
    """Return a bound socket whose peers can't hand a large request to the kernel whole.

    Segments as small as a network's keep the sender's buffer small; on loopback it is megabytes.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_400)
    sock.bind(("127.0.0.1", 0))
    return sock


@asynccontextmanager
async def client_of(port: int, timeout_s: float = TIMEOUT_S) -> AsyncIterator[BrazeClient]:
    endpoint = Endpoint(f"http://127.0.0.1:{port}", "acme", request_timeout_s=timeout_s)
    client = BrazeClient(endpoint, lambda: KEYS)
    try:
        yield client
    finally:
        await client.aclose()


async def send(client: BrazeClient) -> Answer:
    return await client.send_update(UPDATE, ENCODED)


async def whole_request(reader: Reader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
    await reader.readexactly(int(length))


def reset(writer: Writer) -> None:
    linger_zero = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
    writer.transport.abort()


def saying(answer: bytes, *, dribble: bool = False, then_reset: bool = False) -> Behaviour:
    async def behave(reader: Reader, writer: Writer) -> None:
        await whole_request(reader)
        for part in [answer[i : i + 1] for i in range(len(answer))] if dribble else [answer]:
            writer.write(part)
            await writer.drain()
            if dribble:
                await asyncio.sleep(0.05)
        if then_reset:
            reset(writer)

    return behave


async def hang(reader: Reader, writer: Writer) -> None:
    await whole_request(reader)
    await asyncio.Event().wait()


async def hang_unread(reader: Reader, writer: Writer) -> None:
    await asyncio.Event().wait()


async def hang_in_body(reader: Reader, writer: Writer) -> None:
    await whole_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{")
    await asyncio.Event().wait()


async def dribble_body(reader: Reader, writer: Writer) -> None:
    await whole_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def reset_unanswered(reader: Reader, writer: Writer) -> None:
    await reader.readexactly(1)
    reset(writer)


async def refuse_early(reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    await reader.read()


async def flood(reader: Reader, writer: Writer) -> None:
    await whole_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(16_384):
        writer.write(b"x" * 65_536)
        await writer.drain()


async def flood_in_head(reader: Reader, writer: Writer) -> None:
    await whole_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        writer.write(b"X-%d: %b\r\n" % (number, b"y" * 1_000))
        await writer.drain()


def body(status: bytes, content: bytes, more: bytes = b"", length: int | None = None) -> bytes:
    length = len(content) if length is None else length
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, more, length, content)


BOMB = body(b"200 OK", gzip.compress(b"0" * 40_000_000), b"Content-Encoding: gzip\r\n")
