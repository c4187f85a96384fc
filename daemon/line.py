"""The line between the two threads: thread-safe on both ends, and nothing but a wire."""

from __future__ import annotations

import asyncio
import dataclasses
import queue
from collections.abc import Sequence

from daemon.braze.dispatcher import Dispatcher
from daemon.core.model import Flush, Outcome
from daemon.core.outlook import Outlook


class ThreadLine:
    """The intake calls its methods; what it says is done on the event loop, in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dispatcher: Dispatcher) -> None:
        self._loop = loop
        self._dispatcher = dispatcher
        self._ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._submitted = 0
        dispatcher.tell(self._put)

    def _put(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._ended.put(outcome)

    def capacity(self) -> int:
        """Return how many flushes could be sent from at once, less those still on the line."""
        published = self._dispatcher.published
        return published.capacity - (self._submitted - published.taken)

    def outlook(self) -> Outlook:
        """Return when something may be sent next. What ended before this is in `outcomes`."""
        published = self._dispatcher.published
        if self._submitted > published.taken:  # Still on the line.
            return dataclasses.replace(published.outlook, busy=True)
        return published.outlook

    def suspects(self) -> frozenset[int]:
        """Return the flushes that were refused while nothing shows that Braze takes others."""
        return self._dispatcher.published.unproven

    def submit(self, flushes: Sequence[Flush]) -> None:
        """Hand over flushes; the loop is woken once for all of them."""
        if flushes:
            self._submitted += len(flushes)
            self._loop.call_soon_threadsafe(self._dispatcher.submit, tuple(flushes))

    def abandon(self, flush_ids: Sequence[int]) -> None:
        """Start nothing more of these."""
        self._loop.call_soon_threadsafe(self._dispatcher.abandon, tuple(flush_ids))

    def renew(self, until_s: float) -> None:
        """Attempts may be started until then."""
        self._loop.call_soon_threadsafe(self._dispatcher.renew, until_s)

    def share(self, part: float) -> None:
        """Use this part of the request budget."""
        self._loop.call_soon_threadsafe(self._dispatcher.share, part)

    def outcomes(self, timeout_s: float) -> list[Outcome]:
        """Return the flushes that have ended, waiting at most this long for the first."""
        found: list[Outcome] = []
        try:
            if timeout_s > 0:
                found.append(self._ended.get(timeout=timeout_s))
            while True:
                found.append(self._ended.get_nowait())
        except queue.Empty:
            return found
