"""The way to Braze: straight, or through a proxy; verified on every leg that has TLS.

No environment variable has a say: proxy and CA file are given.
"""

from __future__ import annotations

import base64
import functools
import ssl
from pathlib import Path

import httpx

from daemon.braze.http1 import Http1
from daemon.braze.wire import TlsRefused, Wire, WireBackend

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Route:
    """How to connect to one origin, and how to name what is there."""

    def __init__(self, url: str, *, ca_file: str | None = None, proxy: str | None = None) -> None:
        self._origin = httpx.URL(url)
        self._tls = self._origin.scheme == "https"
        self._ca_file = ca_file
        self.proxy = None if proxy is None else httpx.Proxy(proxy)

    @property
    def tls_host(self) -> str | None:
        """Whom TLS must have verified before a byte counts as sent to him."""
        return _host(self._origin) if self._tls else None

    def target(self, url: httpx.URL) -> bytes:
        """Return what a request's first line says: a proxy in the middle is told the whole URL."""
        if self.proxy is None or self._tls:
            return url.raw_path
        return str(url).encode("ascii")

    def headers(self, own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return what a request's head says, with what only a proxy in the middle is told."""
        if self.proxy is None or self._tls:
            return own
        return [*self._proxy_headers(), *own]

    async def connect(self, backend: WireBackend) -> Http1:
        """Return a connection that stands, or raise in httpx's words."""
        # Asked for first: a CA file that can't be read is found before anybody is called.
        own = self.origin_context() if self._tls else None
        if self.proxy is None:
            wire = await backend.connect_tcp(_host(self._origin), _port(self._origin))
        else:
            wire = await self._reach_proxy(backend, self.proxy.url)
            if own is not None:
                await self._open_tunnel(wire)
        if own is not None:
            await wire.start_tls(own, _host(self._origin))
        return Http1(wire)

    def origin_context(self) -> ssl.SSLContext:
        """Return what TLS to Braze is verified by, as the CA file is now."""
        return _tls_context_now(self._ca_file)

    def proxy_context(self) -> ssl.SSLContext:
        """Return what TLS to a proxy is verified by: the public CAs."""
        return _tls_context_now(None)

    async def _reach_proxy(self, backend: WireBackend, proxy: httpx.URL) -> Wire:
        context = self.proxy_context() if proxy.scheme == "https" else None
        wire = await backend.connect_tcp(_host(proxy), _port(proxy))
        return wire if context is None else await wire.start_tls(context, _host(proxy))

    async def _open_tunnel(self, wire: Wire) -> None:
        host = self._origin.raw_host
        named = b"[%b]" % host if b":" in host else host
        at = b"%b:%d" % (named, _port(self._origin))
        headers = [(b"Host", at), (b"Accept", b"*/*"), *self._proxy_headers()]
        head = await Http1(wire).ask("CONNECT", at, headers)
        if not 200 <= head.status_code < 300:  # noqa: PLR2004
            reason = head.reason.decode("ascii", errors="ignore")
            raise httpx.ProxyError(f"the proxy refused the tunnel: {head.status_code} {reason}")

    def _proxy_headers(self) -> list[tuple[bytes, bytes]]:
        assert self.proxy is not None
        if self.proxy.raw_auth is None:
            return []
        return [
            (b"Proxy-Authorization", b"Basic " + base64.b64encode(b":".join(self.proxy.raw_auth)))
        ]


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or _DEFAULT_PORTS[url.scheme]


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
    context.set_alpn_protocols(["http/1.1"])
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    return context
