"""One connection to Braze, byte by byte, under the deadline of the attempt in progress.

Owns the socket, on plain asyncio. Knows nothing of HTTP but that a request is sent, in one piece,
before its answer is read. That makes "did a byte leave?" a question with an exact answer (G4).

A timeout of each operation does not bound an attempt: a server that sends a byte now and then is
never late. Here every operation ends at the attempt's deadline by itself, so nobody ever has to
cancel a request.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

import httpx
import msgspec

ANSWER_BYTES_MAX: Final = 64 * 1024  # Status line, headers and body, as they come off the wire.
_SILENT_ADDRESS_S: Final = 2.0  # What a dead IPv6 route may cost, instead of the whole deadline.


class TlsRefused(httpx.ConnectError):
    """The peer's certificate or protocol is not one we accept; nothing was sent."""


class AnswerTooLarge(httpx.ReadError):
    """The answer is larger than ANSWER_BYTES_MAX; the connection is gone."""


class Attempt(msgspec.Struct):
    """One attempt's deadline, on the clock of its transport, and how far it got."""

    deadline_s: float
    # May a byte of the request have left? True until a transport can prove that none has.
    sent: bool = True
    # Did the answer end while a part of the request was still ours? Nobody can have read that.
    early: bool = False
    late: bool = False  # Was the deadline over when the write returned? A zombie may have sent it.


class Wire(asyncio.Protocol):
    """A connected stream. Bytes that nobody asked for close it, so none is taken for an answer."""

    def __init__(self, backend: WireBackend) -> None:
        self._backend = backend
        self._raw: asyncio.Transport  # The socket's; `_transport` is TLS's own, if there is TLS.
        self._transport: asyncio.Transport
        self._host_verified: str | None = None
        self._poller = select.poll()
        self._received = bytearray()  # Since the last request: one answer, so it is bounded.
        self._taken = 0
        self._awaiting = False
        self._ended = False
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the socket; TLS comes later, over it."""
        self._raw = self._transport = cast("asyncio.Transport", transport)
        self._poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Keep bytes that are awaited, up to the limit; for any others, hang up."""
        if not self._awaiting:
            self.abort()
            return
        self._backend.note_heard(early=self._raw.get_write_buffer_size() > 0)
        room = ANSWER_BYTES_MAX - len(self._received)
        self._received += data[:room]
        if len(data) > room:  # What fitted is read all the same: a status and a reset time count.
            self._failure = AnswerTooLarge(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
            self.abort()
        self._wake()

    def eof_received(self) -> None:
        """Note the peer's goodbye; asyncio then closes the socket."""
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and why; what was received can still be read."""
        self._ended = True
        if self._failure is None and exc is not None:
            self._failure = httpx.ReadError(f"the connection was reset: {exc}")
        self._wake()

    # What is asked of it.

    def send(self, data: bytes) -> None:
        """Give a request to the kernel, and forget the answer to the one before."""
        self._received.clear()
        self._taken = 0
        if self._raw.is_closing():
            raise httpx.WriteError("the connection was closed by the peer before the request")
        if self._backend.left_s() <= 0:  # Who stood still since it was allowed may be a zombie.
            raise httpx.WriteTimeout("the deadline passed before the request was sent")
        self._awaiting = True
        self._transport.write(data)
        if self._raw.is_closing():  # asyncio sends at once: the kernel refused the first byte.
            raise httpx.WriteError("the connection was closed by the peer before the request")
        self._backend.note_sent(self._host_verified)

    async def receive(self) -> bytes:
        """Return bytes of the answer as soon as there are any, none when the peer has ended it."""
        while self._taken == len(self._received):
            if self._failure is not None:
                raise self._failure
            if self._ended and not self._received:
                raise httpx.ReadError("the connection was closed before an answer came")
            if self._ended:
                return b""
            await self._wait()
        data = bytes(self._received[self._taken :])
        self._taken = len(self._received)
        return data

    async def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str) -> Wire:
        """Verify the peer and encrypt from now on, or leave nothing open."""
        try:
            async with asyncio.timeout(self._backend.left_s()):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport, self, ssl_context, server_hostname=server_hostname
                )
        except (OSError, UnicodeError) as error:
            self.abort()
            raise _connect_failure(error, "the TLS handshake") from error
        except BaseException:
            self.abort()
            raise
        if transport is None:  # asyncio's answer to a peer that left during the handshake.
            self.abort()
            raise httpx.ConnectError("the connection was lost in the TLS handshake")
        self._transport = transport
        self._host_verified = server_hostname
        return self

    def is_quiet(self) -> bool:
        """Open, nothing unread, and nothing waiting in the kernel: not even the peer's goodbye."""
        if self._ended or self._raw.is_closing() or self._taken != len(self._received):
            return False
        return not self._poller.poll(0)

    def rest(self, body_bytes: int | None) -> None:
        """Note the end of a whole answer; keep the connection only if nothing is left over.

        `body_bytes` is the answer's declared length. A byte too many would be read as the answer
        to the next request and could be a false "accepted".
        """
        self._awaiting = False  # What comes from now on closes it.
        open_still = not self._ended and self._taken == len(self._received)
        if not open_still or self._raw.get_write_buffer_size() or not self._exact(body_bytes):
            self.abort()

    def abort(self) -> None:
        """Close the socket now; what has not left is dropped."""
        self._transport.abort()
        self._raw.abort()  # Also when TLS never came to stand.

    def _exact(self, body_bytes: int | None) -> bool:
        end = self._received.find(b"\r\n\r\n") + 4
        if body_bytes is not None:
            return len(self._received) == end + body_bytes
        one_answer = self._received.find(b"HTTP/1.", end) < 0
        return one_answer and self._received.endswith(b"0\r\n\r\n")

    async def _wait(self) -> None:
        left_s = self._backend.left_s()
        if left_s <= 0:
            raise httpx.ReadTimeout("no whole answer within the deadline")
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(left_s, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class WireBackend:
    """Makes the connections of one slot, and knows the attempt in progress."""

    def __init__(self, tls_host: str | None, clock: Callable[[], float]) -> None:
        self._tls_host = tls_host  # Whom TLS must have verified before a byte counts as sent.
        self._clock = clock
        self.attempt: Attempt | None = None
        self.wire: Wire | None = None

    def left_s(self) -> float:
        """Return what is left of the attempt, in seconds; negative when it is over."""
        assert self.attempt is not None
        return self.attempt.deadline_s - self._clock()

    def note_sent(self, host_verified: str | None) -> None:
        """Bytes left. What a proxy is told before the tunnel stands is not the request."""
        assert self.attempt is not None
        if self._tls_host is None or host_verified == self._tls_host:
            self.attempt.sent = True
            self.attempt.late = self.left_s() <= 0

    def note_heard(self, *, early: bool) -> None:
        """Bytes of the answer came; the last of them decide whether it was early."""
        assert self.attempt is not None
        self.attempt.early = early

    async def connect_tcp(self, host: str, port: int) -> Wire:
        """Resolve, connect and remember the connection."""
        try:
            async with asyncio.timeout(self.left_s()):
                wire = await self._dial(host, port)
        except (OSError, UnicodeError) as error:
            raise _connect_failure(error, f"connecting to {host}:{port}") from error
        self.wire = wire
        return wire

    async def _dial(self, host: str, port: int) -> Wire:
        """Try the host's addresses in turn; one that is silent must leave time for the next."""
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for left, (family, kind, protocol, _, address) in zip(
            reversed(range(len(addresses))), addresses, strict=True
        ):
            limit_s = min(_SILENT_ADDRESS_S, self.left_s() / 2) if left else None
            try:
                async with asyncio.timeout(limit_s):
                    return await self._connect(socket.socket(family, kind, protocol), address)
            except OSError:
                if not left:
                    raise
        raise OSError("the name has no address")

    async def _connect(self, sock: socket.socket, address: Any) -> Wire:  # noqa: ANN401
        # Not `create_connection(host, port)`: cut short, it leaves its sockets to the collector.
        loop = asyncio.get_running_loop()
        try:
            sock.settimeout(0)
            await loop.sock_connect(sock, address)
            _, wire = await loop.create_connection(lambda: Wire(self), sock=sock)
        except BaseException:
            sock.close()
            raise
        return wire


def _connect_failure(error: Exception, what: str) -> httpx.TransportError:
    """Say in httpx's words why there is no connection."""
    if isinstance(error, TimeoutError):
        return httpx.ConnectTimeout(f"{what} took longer than the deadline")
    # A peer that left in the middle has refused nothing.
    gone = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    if isinstance(error, ssl.SSLError) and not isinstance(error, gone):
        return TlsRefused(f"{what} failed: {error}")
    return httpx.ConnectError(f"{what} failed: {error}")  # Unicode: no resolver takes that name.
