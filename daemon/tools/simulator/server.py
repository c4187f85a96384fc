"""The simulator as a server: listens, hands requests on, and stops at once.

Everything in it belongs to the event loop that started it; from another thread use
`SimulatorThread`. It must not know what a request means.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from daemon.tools.simulator.answer import Reaction
from daemon.tools.simulator.braze import Braze, Parts
from daemon.tools.simulator.cohorts import Workspace
from daemon.tools.simulator.connection import Connection
from daemon.tools.simulator.control import PREFIX, Control
from daemon.tools.simulator.fault_list import FaultList
from daemon.tools.simulator.keys import Keys
from daemon.tools.simulator.quota import Quota
from daemon.tools.simulator.settings import SimulatorSettings
from daemon.tools.simulator.stats import Stats

BACKLOG = 1024

# Turns of its loop that asyncio takes from accepting a connection to whoever serves it, and some.
ACCEPTING_TURNS = 5


async def stop_listening(server: asyncio.Server) -> None:
    """Close a server, and see to it that each connection it has accepted is served by somebody.

    A connection that was accepted in the turn in which its server is closed CPython (3.11) would
    leave open, with nobody to close it.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(ACCEPTING_TURNS):
        await asyncio.sleep(0)
    server.close()


class Simulator:
    """One Braze workspace behind a real HTTP port, for `async with Simulator(…) as simulator`.

    `workspace`, `quota`, `keys`, `faults` and `stats` may be read and changed while it runs, by
    code on its loop. They outlive `stop`, but what a fault would have applied later is lost then.
    Raises SettingsError for a fault that is none, and OSError where the port can't be had.
    """

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self._settings = settings = settings or SimulatorSettings()
        self.workspace = Workspace(settings.users)
        self.quota = Quota(settings.quota)
        self.keys = Keys(settings.partner_api_keys, settings.client_secrets)
        self.faults = FaultList(settings.faults, settings.seed)
        self.stats = Stats()
        parts = Parts(self.workspace, self.quota, self.keys, self.faults, self.stats)
        self._braze = Braze(
            parts, partner=settings.partner, clock=settings.clock, schedule=self._call_later
        )
        self._control = Control(parts, settings.clock)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._changed = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """The address to give as `braze.endpoint`, once started."""
        host = self._settings.host
        if host in {"0.0.0.0", "::"}:  # noqa: S104 - Compared, not bound.
            host = "127.0.0.1"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> Self:
        """Listen; from the return on, connections are served. Again after `stop`: same port."""
        assert self._server is None, "started twice"
        self._server = await asyncio.start_server(
            self._serve, self._settings.host, self.port or self._settings.port, backlog=BACKLOG
        )
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def stop(self) -> None:
        """Stop listening and drop every connection, idle or not. May be repeated."""
        if self._server is None:
            return
        await stop_listening(self._server)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.stats.late = 0
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def wait_for(self, holds: Callable[[Simulator], bool], timeout_s: float = 10.0) -> bool:
        """Return True as soon as this holds, asked after every request; False after the time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    def resets(self, target: str) -> bool:
        """Return whether a fault cuts a request off: `connection.Site`."""
        if not self._braze.resets(target):
            return False
        self._changed.set()
        return True

    def handle(self, method: str, target: str, body: bytes) -> Reaction:
        """Hand a request to whom it is for: `connection.Site`."""
        if target.startswith(PREFIX):
            reaction = Reaction(self._control.handle(method, target, body))
        else:
            self.stats.begin()
            reaction = self._braze.handle(method, target, body)
        self._changed.set()
        return reaction

    def done(self, target: str) -> None:
        """Take note of the end of a request: `connection.Site`."""
        if not target.startswith(PREFIX):
            self.stats.end()
        self._changed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.stats.connections += 1
        self.stats.connections_open += 1
        try:
            await Connection(self, reader, writer).serve()
        except asyncio.CancelledError:
            pass  # `stop` dropped it; the streams' own callback would log it as an error.
        finally:
            self._connections.discard(task)
            self.stats.connections_open -= 1
            self._changed.set()

    def _call_later(self, delay_s: float, act: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            act()
            self._changed.set()

        timer = asyncio.get_running_loop().call_later(delay_s, fire)
        self._timers.add(timer)
