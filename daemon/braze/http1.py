"""HTTP/1.1 over one wire: a request leaves in one piece, then its answer is read.

h11 keeps the protocol; this carries its bytes. The layers of a general client cost a request more
CPU than all else in it, and what a slot has is one connection and one request at a time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

import h11
import httpx

from daemon.braze.wire import ANSWER_BYTES_MAX, Wire

# What h11 repeats of a line that is no HTTP, as Python would write it: spelt so, an echo of our
# own request is recognised by nobody who masks.
_BYTES: Final = re.compile(r":? ?bytearray\(.*", re.DOTALL)


class Http1:
    """A connection that stands. After anything but a whole answer it is of no more use."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=ANSWER_BYTES_MAX)

    async def ask(
        self,
        method: str,
        target: bytes,
        headers: list[tuple[bytes, bytes]],
        content: bytes = b"",
    ) -> h11.Response:
        """Send a request and return the answer's head, in httpx's words where there is none."""
        send = self._h11.send
        head = send(h11.Request(method=method, target=target, headers=headers))
        assert head is not None
        if content:
            send(h11.Data(data=content))  # It is as long as its head says, and goes as it is.
        send(h11.EndOfMessage())
        self.wire.send(head + content)
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the answer's body as it comes, neither decoded nor decompressed."""
        while isinstance(event := await self._next_event(), h11.Data):
            yield bytes(event.data)

    def next_cycle(self) -> bool:
        """Be ready for another request. False where the answer is not whole, or was the last."""
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    async def _next_event(self) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError(_BYTES.sub("", str(error))) from error
            if event is not h11.NEED_DATA:
                return event
            data = await self.wire.receive()
            if not data and self._h11.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("the connection was closed in the answer's head")
            self._h11.receive_data(data)


def body_length(head: h11.Response) -> int | None:
    """Return how long its head says the answer's body is."""
    for name, value in head.headers:
        if name == b"content-length":
            return int(value)  # h11 has checked it.
    return None
