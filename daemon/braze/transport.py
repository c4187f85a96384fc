"""An httpx transport of exactly one connection, which it replaces whenever it is in doubt.

Owns the life of the connection: made when it is first needed, kept between requests, dropped
after anything but a whole answer. Knows nothing of Braze. httpcore's pool is left out on purpose:
it walks its connections several times a request, and loses a place for ever when a request is
cancelled before its connection stands (httpcore 1.0.9); its connections are used as they are.

No environment variable has a say: proxy and CA file are given. Redirects are answers.
"""

from __future__ import annotations

import functools
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, cast

import httpcore
import httpx

from daemon.braze.wire import Attempt, TlsRefused, WireBackend

# Load balancers close idle connections after 60 s and more; to be earlier avoids the race.
KEEPALIVE_S: Final = 20.0
ATTEMPT: Final = "attempt"  # The request extension that carries the `Attempt`.
# What h11 repeats of a line that is no HTTP, as Python would write it: spelt so, an echo of our
# own request is recognised by nobody who masks.
_BYTES: Final = re.compile(r":? ?bytearray\(.*", re.DOTALL)
_CORE_ERRORS = (httpcore.RemoteProtocolError, httpcore.ProxyError)


class SlotTransport(httpx.AsyncBaseTransport):
    """Sends one request at a time, each with its `Attempt` in `request.extensions`.

    An attempt ends by its deadline, without being cancelled; cancelled all the same, it costs
    the connection and nothing else. `attempt.sent` is False exactly while no byte of the request
    has been given to the kernel on a connection that stands. A kept connection that turns out to
    be closed before a byte left is replaced within the attempt.
    """

    def __init__(
        self,
        url: str,
        *,
        ca_file: str | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parsed = httpx.URL(url)
        self._url = httpcore.URL(
            scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=b"/"
        )
        self._origin = self._url.origin
        self._tls = parsed.scheme == "https"
        self._ca_file = ca_file
        self._proxy = None if proxy is None else httpx.Proxy(proxy)
        host = parsed.raw_host.decode("ascii") if self._tls else None
        self._backend = WireBackend(host, clock)
        self._connection: httpcore.AsyncConnectionInterface | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer's head; its stream has the raw body and must be closed."""
        attempt = request.extensions[ATTEMPT]
        assert isinstance(attempt, Attempt)
        attempt.sent = attempt.early = attempt.late = False
        self._backend.attempt = attempt
        core = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=self._url.scheme,
                host=self._url.host,
                port=self._url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
        )
        response = await self._exchange(core, attempt)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(self, response)
        )

    async def aclose(self) -> None:
        """Close the connection; the transport may be used again."""
        self.drop()

    def drop(self) -> None:
        """Forget the connection, whatever its state; the next request makes a new one."""
        wire, self._backend.wire, self._connection = self._backend.wire, None, None
        if wire is not None:
            wire.abort()

    def rest(self, response: httpcore.Response) -> None:
        """Keep the connection if it is still open and nothing is left over on it."""
        if self._backend.wire is not None:
            self._backend.wire.rest(_content_length(response))

    async def _exchange(self, core: httpcore.Request, attempt: Attempt) -> httpcore.Response:
        kept = self._connection is not None
        if self._connection is not None and not _usable(self._connection):
            self.drop()
            kept = False
        try:
            return await self._send(core)
        except httpx.WriteError:
            if not kept or attempt.sent:
                raise
        return await self._send(core)

    async def _send(self, core: httpcore.Request) -> httpcore.Response:
        try:
            if self._connection is None:
                self._connection = self._make_connection()
            return await self._connection.handle_async_request(core)
        except _CORE_ERRORS as error:
            self.drop()
            raise _in_httpx_words(error) from error
        except BaseException:
            self.drop()
            raise

    def _make_connection(self) -> httpcore.AsyncConnectionInterface:
        context = _tls_context_now(self._ca_file) if self._tls else None
        if self._proxy is None:
            return httpcore.AsyncConnectionPool(
                ssl_context=context, keepalive_expiry=KEEPALIVE_S, network_backend=self._backend
            ).create_connection(self._origin)
        proxy = self._proxy.url
        return httpcore.AsyncHTTPProxy(
            proxy_url=httpcore.URL(
                scheme=proxy.raw_scheme, host=proxy.raw_host, port=proxy.port, target=b"/"
            ),
            proxy_auth=self._proxy.raw_auth,
            proxy_ssl_context=_tls_context_now(None) if proxy.scheme == "https" else None,
            ssl_context=context,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=self._backend,
        ).create_connection(self._origin)


class _Body(httpx.AsyncByteStream):
    """The raw bytes of an answer's body, never decompressed: a bomb stays as small as it came."""

    def __init__(self, transport: SlotTransport, response: httpcore.Response) -> None:
        self._transport = transport
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in cast("AsyncIterator[bytes]", self._response.stream):
                yield part
        except _CORE_ERRORS as error:
            raise _in_httpx_words(error) from error

    async def aclose(self) -> None:
        await self._response.aclose()  # Closes the connection unless the answer was whole.
        self._transport.rest(self._response)


def _usable(connection: httpcore.AsyncConnectionInterface) -> bool:
    return connection.is_available() and not connection.has_expired()


def _content_length(response: httpcore.Response) -> int | None:
    for name, value in response.headers:
        if name.lower() == b"content-length":
            return int(value)  # h11 has checked it.
    return None


def _in_httpx_words(error: Exception) -> httpx.TransportError:
    """Translate what httpcore itself raises; the wire speaks httpx already."""
    if isinstance(error, httpcore.ProxyError):
        return httpx.ProxyError(f"the proxy refused the tunnel: {error}")
    return httpx.RemoteProtocolError(_BYTES.sub("", str(error)))


def _tls_context_now(ca_file: str | None) -> ssl.SSLContext:
    """Return the context for the CA file as it is now: a corrected file needs no restart."""
    try:
        changed = None if ca_file is None else Path(ca_file).stat().st_mtime_ns
        return tls_context(ca_file, changed)
    except OSError as error:  # ssl.SSLError, for a file that holds no certificate, is one too.
        raise TlsRefused(f"read ca_file {ca_file}: {error}") from error


@functools.lru_cache(maxsize=4)  # Loading the CAs costs 20 ms and a megabyte: slots share it.
def tls_context(ca_file: str | None, changed_ns: int | None = None) -> ssl.SSLContext:  # noqa: ARG001
    """Return a context that verifies chain and host name, with TLS 1.2 as the least.

    `changed_ns` is part of the cache's key only.
    """
    if ca_file is None:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    return context
