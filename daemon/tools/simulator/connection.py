"""One HTTP/1.1 connection: reads requests, delivers reactions, also those that are no answer.

h11 keeps the protocol; the streams are ours, so that an answer can be cut, dripped or withheld.
It must not know what a request means.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from typing import Protocol

import h11

from daemon.tools.simulator.answer import Answer, Delivery, Reaction, say

BODY_MAX = 16 << 20  # What is read at all; what Braze takes is far below.
READ_SIZE = 1 << 18
PAD_SIZE = 1 << 16
NO_LINGER = struct.pack("ii", 1, 0)  # Closing then sends a reset, not an orderly end.


class Site(Protocol):
    """What answers the requests of all connections."""

    def resets(self, target: str) -> bool:
        """Return whether this request is cut off before its body is read."""
        ...

    def handle(self, method: str, target: str, body: bytes) -> Reaction:
        """Return what happens after a request."""
        ...

    def done(self, target: str) -> None:
        """Take note that the reaction to a request is over."""
        ...


class _TooLarge(Exception):  # noqa: N818 - It ends the reading of one request, not the program.
    pass


class Connection:
    """Serves one connection until either side ends it. `serve` returns; it does not raise.

    A request's effects are complete before its answer begins, so an answer that can't be
    delivered leaves nothing half done.
    """

    def __init__(
        self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._site = site
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        """Answer one request after the other."""
        try:
            while await self._serve_one():
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(say(error.error_status_hint, "this is not HTTP/1.1"))
        except _TooLarge:
            await self._refuse(say(413))
        except (ConnectionError, TimeoutError):
            pass  # The client is gone; what it asked for was done or not, as it must expect.
        finally:
            self._writer.transport.abort()

    async def _serve_one(self) -> bool:
        """Return whether another request may follow on this connection."""
        head = await self._read_head()
        if head is None:
            return False
        target = head.target.decode("ascii", "replace")
        if self._site.resets(target):
            self._reset()
            return False
        body = await self._read_body(head)
        if body is None:
            return False
        reaction = self._site.handle(head.method.decode("ascii"), target, body)
        try:
            if reaction.delay_s > 0:
                await asyncio.sleep(reaction.delay_s)
            await self._deliver(_without_body(head, reaction))
        finally:
            self._site.done(target)
        whole = reaction.delivery in {Delivery.WHOLE, Delivery.DRIPPED}
        return whole and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._writer.write(self._http.send(go_on) or b"")
            self._http.receive_data(await self._reader.read(READ_SIZE))

    async def _read_head(self) -> h11.Request | None:
        event = await self._next_event()
        return event if isinstance(event, h11.Request) else None

    async def _read_body(self, head: h11.Request) -> bytes | None:
        # Refused before it is sent; h11 has seen to it that the length is a number.
        if int(dict(head.headers).get(b"content-length", b"0")) > BODY_MAX:
            raise _TooLarge
        parts: list[bytes] = []
        size = 0
        while True:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                return b"".join(parts)
            if not isinstance(event, h11.Data):
                return None  # The client went away in the middle.
            size += len(event.data)
            if size > BODY_MAX:
                raise _TooLarge
            parts.append(bytes(event.data))

    async def _deliver(self, reaction: Reaction) -> None:
        answer, delivery = reaction.answer, reaction.delivery
        if delivery is Delivery.CLOSED:
            await self._close()
        elif delivery is Delivery.HUNG:
            await self._wait_for_the_end()
        elif delivery is Delivery.TRUNCATED:
            self._writer.write(self._head(answer, len(answer.body)))
            self._writer.write(answer.body[: len(answer.body) // 2])
            await self._close()
        elif delivery is Delivery.PADDED:
            await self._pad(answer, reaction.padding)
        elif delivery is Delivery.DRIPPED:
            await self._drip(answer, reaction.drip_s)
        else:
            head = self._head(answer, len(answer.body))
            self._writer.write(head + self._rest(answer.body))
            await self._writer.drain()
            if delivery is Delivery.LAST:
                await self._close()

    def _head(self, answer: Answer, length: int) -> bytes:
        headers = [*answer.headers, ("Content-Length", str(length))]
        return self._http.send(h11.Response(status_code=answer.status, headers=headers)) or b""

    def _rest(self, body: bytes) -> bytes:
        sent = self._http.send(h11.Data(data=body)) if body else b""
        return (sent or b"") + (self._http.send(h11.EndOfMessage()) or b"")

    async def _drip(self, answer: Answer, pause_s: float) -> None:
        self._writer.write(self._head(answer, len(answer.body)))
        rest = self._rest(answer.body)
        for place in range(len(rest)):
            await self._writer.drain()
            await asyncio.sleep(pause_s)
            self._writer.write(rest[place : place + 1])
        await self._writer.drain()

    async def _pad(self, answer: Answer, padding: int) -> None:
        self._writer.write(self._head(answer, padding + len(answer.body)))
        for start in range(0, padding, PAD_SIZE):
            self._writer.write(b" " * min(PAD_SIZE, padding - start))
            await self._writer.drain()
        self._writer.write(answer.body)
        await self._close()

    async def _refuse(self, answer: Answer) -> None:
        """Say what was wrong with a request that could not be read, and end."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        closing = Answer(answer.status, answer.body, (*answer.headers, ("Connection", "close")))
        try:
            self._writer.write(self._head(closing, len(closing.body)) + self._rest(closing.body))
            await self._close()
        except ConnectionError:
            pass

    async def _wait_for_the_end(self) -> None:
        while await self._reader.read(READ_SIZE):
            pass

    async def _close(self) -> None:
        """End in an orderly way: what was written still arrives."""
        await self._writer.drain()
        self._writer.close()
        await self._writer.wait_closed()

    def _reset(self) -> None:
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self._writer.transport.abort()


def _without_body(head: h11.Request, reaction: Reaction) -> Reaction:
    """Return the reaction without its body where HTTP allows none."""
    if head.method != b"HEAD" and reaction.answer.status not in {204, 304}:
        return reaction
    return Reaction(replace(reaction.answer, body=b""), delay_s=reaction.delay_s)
