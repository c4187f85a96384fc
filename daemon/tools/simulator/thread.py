"""A simulator in a thread of its own, for tests and tools that have no event loop.

Every method may be called from any thread; each reads or changes at one moment between requests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from daemon.core.model import Member
from daemon.tools.simulator.history import AppliedRequest
from daemon.tools.simulator.server import Simulator
from daemon.tools.simulator.settings import SimulatorSettings
from daemon.tools.simulator.stats import SeenRequest

T = TypeVar("T")

CALL_TIMEOUT_S = 30.0


class SimulatorThread:
    """A `Simulator` that runs between `start` and `stop`, or within `with`.

    What it saw can still be read after `stop`, and a second `start` goes on with it on the same
    port: an outage. Raises as `Simulator` does, at once or in `start`.
    """

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self._simulator = Simulator(settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address to give as `braze.endpoint`, once started."""
        return self._simulator.url

    @property
    def port(self) -> int:
        """The port it listens on, once started."""
        return self._simulator.port

    def start(self) -> Self:
        """Serve; from the return on, requests are answered."""
        assert self._thread is None, "started twice"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop,), name="simulator", daemon=True
        )
        self._thread.start()
        try:
            self._await(self._simulator.start())
        except BaseException:
            self._end()
            raise
        return self

    def stop(self) -> None:
        """Drop every connection and end the thread. May be repeated."""
        if self._thread is None:
            return
        self._await(self._simulator.stop())
        self._end()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def call(self, act: Callable[[Simulator], T]) -> T:
        """Return what `act` returns, called between two requests; or raise what it raises."""
        if self._thread is None:
            return act(self._simulator)

        async def called() -> T:
            return act(self._simulator)

        return self._await(called())

    def wait_for(self, holds: Callable[[Simulator], bool], timeout_s: float = 10.0) -> bool:
        """Return True as soon as this holds, asked after every request; False after the time."""
        assert self._thread is not None, "not started"
        return self._await(self._simulator.wait_for(holds, timeout_s), timeout_s + CALL_TIMEOUT_S)

    def members(self, cohort: str) -> frozenset[Member]:
        """Return the members of a cohort; none where there is no such cohort."""
        return self.call(lambda simulator: simulator.workspace.members(cohort))

    def cohorts(self) -> dict[str, frozenset[Member]]:
        """Return the members of every cohort."""
        return self.call(
            lambda simulator: {
                name: frozenset(cohort.members)
                for name, cohort in simulator.workspace.cohorts.items()
            }
        )

    def names(self) -> dict[str, str]:
        """Return the name of every cohort by its id."""
        return self.call(
            lambda simulator: {
                cohort.id: cohort.name for cohort in simulator.workspace.cohorts.values()
            }
        )

    def history(self, since: int = 0) -> tuple[AppliedRequest, ...]:
        """Return the applied requests from this number on, in the order of application."""
        return self.call(lambda simulator: simulator.workspace.history.since(since))

    def seen(self, since: int = 0) -> tuple[SeenRequest, ...]:
        """Return the requests from this arrival on, applied or not, in the order of arrival."""
        return self.call(lambda simulator: simulator.stats.seen(since))

    def stats(self) -> dict[str, Any]:
        """Return the counts, as `GET /_sim/stats` does."""
        return self.call(lambda simulator: simulator.stats.as_json())

    def set_faults(self, *specs: str) -> None:
        """Put these faults in force instead of those that were; none clears them."""
        self.call(lambda simulator: simulator.faults.replace(specs))

    def set_keys(
        self,
        *,
        partner_api_keys: Iterable[str] | None = None,
        client_secrets: Iterable[str] | None = None,
        partner_enabled: bool | None = None,
    ) -> None:
        """Rotate keys; what is None stays as it was, and an empty list accepts every key."""
        self.call(
            lambda simulator: simulator.keys.replace(
                partner_api_keys=partner_api_keys,
                client_secrets=client_secrets,
                partner_enabled=partner_enabled,
            )
        )

    def tamper(
        self, cohort: str, *, add: Iterable[Member] = (), remove: Iterable[Member] = ()
    ) -> int:
        """Change members behind the client's back; return how many changed."""
        return self.call(
            lambda simulator: simulator.workspace.tamper(cohort, add=add, remove=remove)
        )

    def _await(self, work: Coroutine[Any, Any, T], timeout_s: float = CALL_TIMEOUT_S) -> T:
        assert self._loop is not None, "not started"
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def _end(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = None

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
