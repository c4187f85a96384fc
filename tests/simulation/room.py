"""Whether memory stays full of what Braze would take, beside what it does not take (G12)."""

from __future__ import annotations

from daemon.core.relay import Relay
from tests.simulation.scenario import HELD_S, SETTLE_S
from tests.simulation.wire import Dispatcher
from tests.simulation.world import Violation, World

# A flight must have stood still for `HELD_S`, a partition may wait `SETTLE_S`; the rest is turns.
FULL_S_MAX = HELD_S + SETTLE_S + 5.0


class Room:
    """Looks at a daemon's memory where nothing holds Braze but a cohort that it has locked."""

    def __init__(self, world: World, relay: Relay, dispatcher: Dispatcher) -> None:
        self._world = world
        self._relay = relay
        self._dispatcher = dispatcher
        self._flights: tuple[int, ...] = ()
        self._since_s = 0.0

    def look(self, name: str) -> None:
        """Judge that what may leave does so, when there is no room for anything else."""
        now_s, flights = self._world.now, tuple(self._relay.in_flight)
        if flights != self._flights or not self._is_full() or not self._may_send(now_s):
            self._flights, self._since_s = flights, now_s
        elif now_s - self._since_s > FULL_S_MAX:
            waiting = sorted({window.cohort for window in self._relay.waiting()})
            full_s = now_s - self._since_s
            raise Violation("G12", f"{name}: full of {', '.join(waiting)} for {full_s:.1f} s")

    def _is_full(self) -> bool:
        """Tell whether nothing more is read, and something waits that no flight is before."""
        flying = {flush.cohort for flush in self._relay.in_flight.values()}
        waits = any(window.cohort not in flying for window in self._relay.waiting())
        return waits and self._relay.pending >= self._world.plan.limits.pending_max

    def _may_send(self, now_s: float) -> bool:
        return self._relay.lease.fresh(now_s) and self._dispatcher.published.capacity > 0
