"""The schema registry, and who asks it: the daemon's own `Library`, its thread simulated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from daemon.registry.client import Found, RegistryClient, RegistryTrouble
from daemon.registry.library import ASK_AGAIN_S, Library
from tests.simulation.log import UNKNOWN_SCHEMA
from tests.simulation.world import World


class Owner(Protocol):
    """The process around it."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


class Registry:
    """What all processes ask. Out, it answers one question in ten."""

    def __init__(self, world: World) -> None:
        self.out_until_s = 0.0
        self.slow_until_s = 0.0
        self._world = world

    def schema(self, schema_id: int) -> Found | None:
        """Return a schema; see `RegistryClient`."""
        if self._world.now < self.out_until_s and self._world.chance(0.9):
            self._world.sometimes("registry_trouble")
            raise RegistryTrouble("the registry is out")
        self._world.note("schema", schema_id)
        return None if schema_id == UNKNOWN_SCHEMA else Found("AVRO", str(schema_id))

    def latency_s(self) -> float:
        """Return how long a question takes."""
        slow = self._world.now < self.slow_until_s
        return self._world.rng.uniform(1, 8) if slow else self._world.rng.uniform(0.005, 0.3)


class Librarian:
    """Makes the calls of the thread of the same name, with time between."""

    def __init__(self, world: World, owner: Owner, registry: Registry) -> None:
        self.library = Library(
            cast("RegistryClient", self), lambda found: found.text, lambda: world.now
        )
        self.library.asked = self  # type: ignore[assignment]  # It hears who wants to know one.
        self._world = world
        self._owner = owner
        self._registry = registry
        self._answered: set[int] = set()
        self._wanted = False
        self._busy = False

    def schema(self, schema_id: int) -> Found | None:
        """Ask the registry."""
        found = self._registry.schema(schema_id)
        self._answered.add(schema_id)
        return found

    def awaits(self, schema_id: int) -> bool:
        """Tell whether it can't know a schema yet, or may have to ask again."""
        return schema_id not in self._answered or schema_id == UNKNOWN_SCHEMA

    # The event of the library.

    def set(self) -> None:
        """Somebody wants to know."""
        self._wanted = True
        self._world.sometimes("schema_awaited")
        if not self._busy:
            self._busy = True
            self._later(self._registry.latency_s())

    def clear(self) -> None:
        """It is being asked for."""
        self._wanted = False

    def _later(self, delay_s: float) -> None:
        self._world.after(delay_s, self._owner.guard(self._ask))

    def _ask(self) -> None:
        if not self.library.ask():
            self._later(ASK_AGAIN_S + self._registry.latency_s())
        elif self._wanted:
            self._later(self._registry.latency_s())
        else:
            self._busy = False
