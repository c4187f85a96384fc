"""What is known of schemas, by id: asked for on a thread of its own, so that no turn waits.

A schema never changes under its id, so what was found is kept for good; that an id is unknown is
asked again after a while.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from daemon.errors import CohortdError
from daemon.formats.changes import HoldError, RejectError
from daemon.kafka.records import Reason
from daemon.registry.client import Found, RegistryClient, RegistryTrouble

KNOWN_MAX: Final = 1_000
ASK_AGAIN_S: Final = 5.0  # After trouble.
UNKNOWN_FOR_S: Final = 60.0

T = TypeVar("T")


class Library(Generic[T]):
    """Schemas, compiled by `compile_` once each; what it refuses stays refused.

    `get` may be called from one thread, and never waits; `ask` is called from another.
    """

    def __init__(
        self,
        client: RegistryClient,
        compile_: Callable[[Found], T],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble = ""  # Why the registry can't be asked, while it can't be.
        self._client = client
        self._compile = compile_
        self._clock = clock
        self._known: OrderedDict[int, T | RejectError] = OrderedDict()
        self._unknown_since: dict[int, float] = {}
        self._wanted: dict[int, None] = {}
        self._lock = threading.Lock()
        self.asked = threading.Event()  # Somebody wants to know one.

    def get(self, schema_id: int) -> T:
        """Return a schema.

        Raise `RejectError` where it is refused or there is none such, and `HoldError` where that
        is not known yet.
        """
        with self._lock:
            known = self._known.get(schema_id)
            if known is None:
                self._wanted[schema_id] = None
                self.asked.set()
                raise HoldError(schema_id, self.trouble or "the schema is being asked for")
            if self._is_old(schema_id):
                del self._known[schema_id], self._unknown_since[schema_id]
                self._wanted[schema_id] = None
                self.asked.set()
                raise HoldError(schema_id, "the schema is being asked for again")
            self._known.move_to_end(schema_id)
        if isinstance(known, RejectError):
            raise RejectError(known.reason, known.detail)
        return known

    def knows(self, schema_id: int) -> bool:
        """Tell whether `get` would have an answer."""
        with self._lock:
            return schema_id in self._known

    def ask(self) -> bool:
        """Ask for everything wanted; tell whether the registry had an answer to all of it."""
        self.asked.clear()
        with self._lock:
            wanted = list(self._wanted)
        trouble = ""
        for schema_id in wanted:
            try:
                self._keep(schema_id, self._compiled(schema_id, self._client.schema(schema_id)))
            except RegistryTrouble as said:
                trouble = str(said)  # Perhaps of this one alone: the others may be had.
            except Exception as bug:  # noqa: BLE001  It would end the thread, and all with it.
                kind = type(bug).__name__
                trouble = f"schema {schema_id}: a mistake of cohortd's, please report it: {kind}"
        self.trouble = trouble
        return not trouble

    def _compiled(self, schema_id: int, found: Found | None) -> T | RejectError:
        if found is None:
            detail = f"schema {schema_id} is not in the registry"
            return RejectError(Reason.UNKNOWN_SCHEMA, detail)
        try:
            return self._compile(found)
        except RejectError as error:
            return RejectError(error.reason, f"schema {schema_id}: {error.detail}")

    def _keep(self, schema_id: int, known: T | RejectError) -> None:
        with self._lock:
            self._known[schema_id] = known
            self._wanted.pop(schema_id, None)
            if isinstance(known, RejectError) and known.reason is Reason.UNKNOWN_SCHEMA:
                self._unknown_since[schema_id] = self._clock()
            while len(self._known) > KNOWN_MAX:
                oldest, _ = self._known.popitem(last=False)
                self._unknown_since.pop(oldest, None)

    def _is_old(self, schema_id: int) -> bool:
        since_s = self._unknown_since.get(schema_id)
        return since_s is not None and self._clock() - since_s > UNKNOWN_FOR_S


class Librarian(threading.Thread, Generic[T]):
    """Asks for what is wanted, from `start` until `stop`; again while there is trouble."""

    def __init__(self, library: Library[T]) -> None:
        super().__init__(name="cohortd-librarian", daemon=True)
        self._library = library
        self._stopped = threading.Event()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._stopped.is_set():
            self._library.asked.wait()
            if not self._stopped.is_set() and not self._library.ask():
                self._stopped.wait(ASK_AGAIN_S)
                self._library.asked.set()

    def stop(self) -> None:
        """Ask nothing more; what is being asked is not waited for."""
        self._stopped.set()
        self._library.asked.set()


class AskingLibrary(Generic[T]):
    """For tools, which may wait: asks where it does not know."""

    def __init__(self, library: Library[T]) -> None:
        self._library = library

    def get(self, schema_id: int) -> T:
        """Return a schema. Raise `RejectError` as a library does, and CohortdError in trouble."""
        try:
            return self._library.get(schema_id)
        except HoldError:
            if not self._library.ask():
                remedy = "see whether it is up, and the schema_registry section"
                raise CohortdError(f"schema registry: {self._library.trouble}; {remedy}") from None
            return self._library.get(schema_id)
