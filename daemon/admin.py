"""The admin port: metrics, health, status and a page for people. Read-only, GET and HEAD only.

It owns a thread with an event loop of its own, so that a scrape never waits for Braze nor Braze
for a scrape. It reads the board and the metrics registry and knows neither Kafka nor Braze.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING

import h11
import orjson
import uvicorn
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import Route, Router

from daemon.errors import CohortdError
from daemon.page import content_policy, status_page
from daemon.report import checks_body, live_checks, ready_checks, status_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from daemon.status import Board

_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_BACKLOG = 128
_CONNECTIONS_MAX = 512  # Far above scrapers and probes: a full house would fail the probes too.
_IDLE_S = 30  # Longer than a scrape interval costs a slot, shorter a handshake.
_REQUEST_BYTES_MAX = 16_384
_STOP_S = 2
_DATE_S = 1.0  # An answer's date has seconds.


class AdminPages:
    """What is served, as an ASGI application."""

    def __init__(
        self,
        board: Board,
        registry: CollectorRegistry,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._board = board
        self._registry = registry
        self._clock = clock
        self._wall_clock = wall_clock
        self._page = status_page()

    def app(self) -> ASGIApp:
        """Return the application, with the security headers on every answer."""
        routes = [
            Route("/", self._show_page),
            Route("/metrics", self._metrics),
            Route("/livez", self._livez),
            Route("/healthz", self._livez),
            Route("/readyz", self._readyz),
            Route("/status", self._status),
        ]
        return _Guarded(Router(routes, redirect_slashes=False), content_policy(self._page))

    async def _show_page(self, _request: Request) -> Response:
        return Response(self._page, media_type="text/html")

    async def _metrics(self, request: Request) -> Response:
        if "application/openmetrics-text" in request.headers.get("accept", ""):
            text = openmetrics.generate_latest(  # type: ignore[no-untyped-call]
                self._registry, version="1.0.0"
            )
            return Response(text, headers={"content-type": _OPENMETRICS})
        return Response(exposition.generate_latest(self._registry), headers={"content-type": _TEXT})

    async def _livez(self, _request: Request) -> Response:
        return _json(*checks_body(live_checks(self._board, self._clock())))

    async def _readyz(self, _request: Request) -> Response:
        return _json(*checks_body(ready_checks(self._board)))

    async def _status(self, _request: Request) -> Response:
        return _json(200, status_body(self._board, self._clock(), self._wall_clock()))


def _json(status: int, body: object) -> Response:
    text = orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE)
    return Response(text, status, media_type="application/json")


class _Guarded:
    """Adds the security headers to whatever is answered, errors included."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers = {
            "cache-control": "no-store",
            "content-security-policy": policy,
            "cross-origin-resource-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_guarded)


class _OurFaultsOnly(logging.Filter):
    """Keeps from our log what strangers send to the port; what is wrong with a page goes in."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return record.levelno >= logging.ERROR and not isinstance(error, h11.ProtocolError)


_our_faults_only = _OurFaultsOnly()


class _Server(uvicorn.Server):
    """uvicorn's server, which wakes for the date of its answers alone, and not ten times a second.

    `end` may be called from any thread, and before it serves.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _DATE_S)

    def end(self) -> None:
        self.should_exit = True  # First: a loop that begins only now reads it.
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # It has ended by itself.
                self._loop.call_soon_threadsafe(self._over.set)


class AdminServer:
    """Serves the pages from a thread of its own, from `start` to `stop`.

    It installs no signal handler, and logs only a page that failed. `alive` is False when the
    thread has ended, on its own or by `stop`.
    """

    def __init__(self, host: str, port: int, app: ASGIApp) -> None:
        self._host = host
        self._port = port
        logging.getLogger("uvicorn.error").addFilter(_our_faults_only)
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS_MAX,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=_STOP_S,
                h11_max_incomplete_event_size=_REQUEST_BYTES_MAX,
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread is serving."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> int:
        """Listen, serve from now on, and return the port. Raise `CohortdError` if it is taken."""
        assert self._thread is None, "started twice"
        listener = self._listen()
        port: int = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [listener]},
            name="cohortd-admin",
            daemon=True,
        )
        self._thread.start()
        return port

    def stop(self, timeout_s: float = _STOP_S + 1.0) -> bool:
        """End answers that are under way, then the thread; False when it did not end in time."""
        if self._thread is None:
            return True
        self._server.end()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _listen(self) -> socket.socket:
        where = (
            f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        )
        try:
            found = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except OSError as error:
            raise CohortdError(
                f"admin.host: {self._host} is not an address of this machine ({error.strerror});"
                " 0.0.0.0 is every one of them"
            ) from error
        family, kind, protocol, _name, address = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)  # From here on the kernel keeps who comes before the loop.
        except (OSError, OverflowError) as error:
            listener.close()
            raise CohortdError(
                f"admin.port: can't listen on {where} ({_words(error)}); stop what uses the port,"
                " or set another one (0 takes any free one)"
            ) from error
        return listener


def _words(error: OSError | OverflowError) -> str:
    return str(getattr(error, "strerror", None) or error).lower()
