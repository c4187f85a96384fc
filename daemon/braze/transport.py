"""An httpx transport of exactly one connection, which it replaces whenever it is in doubt.

Owns the life of the connection: made when it is needed, or ahead of that; kept between requests,
dropped after anything but a whole answer. Knows nothing of Braze. httpx's own transport is left
out on purpose: its pool walks its connections several times a request, and loses a place for ever
when a request is cancelled before its connection stands (httpcore 1.0.9). Redirects are answers.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx

from daemon.braze.http1 import Head, Http1
from daemon.braze.route import Route
from daemon.braze.wire import Attempt, WireBackend

# Load balancers close idle connections after 60 s and more; to be earlier avoids the race.
KEEPALIVE_S: Final = 20.0
ATTEMPT: Final = "attempt"  # The request extension that carries the `Attempt`.


class SlotTransport(httpx.AsyncBaseTransport):
    """Sends one request at a time, each with its `Attempt` in `request.extensions`.

    An attempt ends by its deadline, without being cancelled; cancelled all the same, it costs
    the connection and nothing else. `attempt.sent` is False exactly while no byte of the request
    has been given to the kernel on a connection that stands. A kept connection that turns out to
    be closed before a byte left is replaced within the attempt. The request's content is bytes,
    its length is in its headers, and nothing is added to them.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._route = Route(url, ca_file=ca_file, proxy=proxy)
        self._clock = clock
        self._backend = WireBackend(self._route.tls_host, clock)
        self._connection: Http1 | None = None
        self._kept_until_s = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer's head; its stream has the raw body and must be closed."""
        attempt = request.extensions[ATTEMPT]
        assert isinstance(attempt, Attempt)
        attempt.sent = attempt.early = attempt.late = False
        self._backend.attempt = attempt
        kept = self.connected
        if not kept:
            self.drop()
        try:
            return await self._send(request)
        except httpx.WriteError:
            if not kept or attempt.sent:
                raise
        return await self._send(request)

    async def connect(self, attempt: Attempt) -> None:
        """Connect ahead of a request, by the attempt's deadline; raise as a request would."""
        if self.connected:
            return
        self.drop()
        self._backend.attempt = attempt
        await self._connect()
        self._keep()

    async def aclose(self) -> None:
        """Close the connection; the transport may be used again."""
        self.drop()

    def drop(self) -> None:
        """Forget the connection, whatever its state; the next request makes a new one."""
        wire, self._backend.wire, self._connection = self._backend.wire, None, None
        if wire is not None:
            wire.abort()

    def rest(self, head: Head) -> None:
        """Keep the connection if its answer was whole, and nothing is left over on it."""
        connection = self._connection
        if connection is None or not connection.next_cycle():
            self.drop()
            return
        connection.wire.rest(head.body_length)
        self._keep()

    @property
    def connected(self) -> bool:
        """Whether a request would go out at once, on a connection that is not in doubt."""
        if self._connection is None or self._clock() > self._kept_until_s:
            return False
        return self._connection.wire.is_quiet()

    def _keep(self) -> None:
        self._kept_until_s = self._clock() + KEEPALIVE_S

    async def _connect(self) -> Http1:
        try:
            connection = await self._route.connect(self._backend)
        except BaseException:
            self.drop()
            raise
        self._connection = connection
        return connection

    async def _send(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.ByteStream)
        content = b"".join(request.stream)
        route = self._route
        connection = self._connection or await self._connect()
        try:
            head = await connection.ask(
                request.method,
                route.target(request.url),
                route.headers(request.headers.raw),
                content,
            )
        except BaseException:
            self.drop()
            raise
        stream = _Body(self, connection, head)
        return httpx.Response(head.status_code, headers=list(head.headers), stream=stream)


class _Body(httpx.AsyncByteStream):
    """The raw bytes of an answer's body, never decompressed: a bomb stays as small as it came."""

    def __init__(self, transport: SlotTransport, connection: Http1, head: Head) -> None:
        self._transport = transport
        self._connection = connection
        self._head = head

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._connection.body():
            yield part

    async def aclose(self) -> None:
        self._transport.rest(self._head)
