"""A server that does one bad, or one good, thing to a request, at one moment of it.

An `Outcome` is what it does, a `Phase` is when, relative to the request. What it saw of each
connection is counted, so that a test can tell what was applied and what never left.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from tests.support.raw_servers import OK, Reader, Writer, reset

# Of a request that is not read whole. Each segment that is read lets the sender's kernel take more.
READ_BYTES_MAX = 32_768


class Ends(Enum):
    ANSWER = "an answer"  # A status; nothing ends unless the phase cuts it.
    RESET = "a reset"  # RST: what is on its way is lost.
    CLOSE = "a close"  # FIN: nothing more will be said.
    SILENCE = "silence"  # The connection stands, and nothing happens on it any more.


class Phase(Enum):
    BEFORE_SEND = "before_send"  # The connection stands, kept or fresh; no byte has been sent.
    DURING = "during"  # A part of the request has been read.
    AFTER = "after"  # All of the request has been read: the ordinary case.
    IN_HEADERS = "in_headers"  # The answer breaks off before its head is whole.
    IN_BODY = "in_body"  # The answer breaks off before its body is whole.
    AFTER_CLOSE = "after_close"  # The kept connection was closed, so on a fresh one, as AFTER.


@dataclass(frozen=True)
class Outcome:
    name: str
    status: str = "200 OK"
    body: bytes = b'{"message":"success"}'
    headers: bytes = b""
    ends: Ends = Ends.ANSWER

    def answer(self, *, chunked: bool) -> tuple[bytes, bytes]:
        """Return the head, with its empty line, and the body as it goes over the wire."""
        if chunked:
            framing, body = b"Transfer-Encoding: chunked", chunks(self.body)
        else:
            framing, body = b"Content-Length: %d" % len(self.body), self.body
        head = b"HTTP/1.1 %b\r\n%b%b\r\n\r\n" % (self.status.encode(), self.headers, framing)
        return head, body


def chunks(body: bytes) -> bytes:
    middle = len(body) // 2
    parts = [part for part in (body[:middle], body[middle:]) if part]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@dataclass
class Seen:
    """What came on one connection."""

    whole: int = 0  # Requests, head and body.
    partial_bytes: int = 0  # Of a request that did not come whole.

    async def request(self, reader: Reader) -> None:
        head = b""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
        except asyncio.IncompleteReadError as broken:
            self.partial_bytes += len(head) + len(broken.partial)
            raise
        self.whole += 1

    async def part(self, reader: Reader, chance: random.Random) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(chance.randrange(1, READ_BYTES_MAX))
        self.partial_bytes += len(head) + len(body)

    async def rest(self, reader: Reader) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                self.partial_bytes += len(data)


def _transport(writer: Writer) -> asyncio.Transport:
    assert isinstance(writer.transport, asyncio.Transport)
    return writer.transport


def _length(head: bytes) -> int:
    return int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])


@dataclass
class Plan:
    """One cell of the matrix, with what is left to chance drawn beforehand."""

    outcome: Outcome
    phase: Phase
    chance: random.Random

    def __post_init__(self) -> None:
        if self.phase is Phase.BEFORE_SEND:
            # Silence before a byte is sent is a connection that never stands: there is none kept.
            self.kept = self.outcome.ends is not Ends.SILENCE
        else:
            self.kept = self.phase is Phase.AFTER_CLOSE or self.chance.random() < 0.5
        self.large = self.phase is Phase.DURING or self.chance.random() < 0.1
        self.chunked = self.chance.random() < 0.3
        self.closed_by_reset = self.chance.random() < 0.5

    @property
    def answers_whole(self) -> bool:
        cut = self.phase in {Phase.IN_HEADERS, Phase.IN_BODY}
        return self.outcome.ends is Ends.ANSWER and not cut

    def says(self) -> Iterator[bytes]:
        """Yield what is said before the end, in pieces."""
        head, body = self.outcome.answer(chunked=self.chunked)
        if self.phase is Phase.IN_HEADERS:
            said = head[: self.chance.randrange(1, len(head))]
        elif self.phase is Phase.IN_BODY:
            said = head + body[: self.chance.randrange(len(body))]
        else:
            said = head + body if self.outcome.ends is Ends.ANSWER else b""
        while said:
            size = self.chance.randint(1, len(said))
            yield said[:size]
            said = said[size:]

    def ends(self) -> Ends:
        """Return how the connection ends: an answer that is cut is cut by a close."""
        ends = self.outcome.ends
        return Ends.CLOSE if ends is Ends.ANSWER and not self.answers_whole else ends


class StrikingServer:
    """Strikes by its plan once, counted from `arm`; before and afterwards it accepts."""

    def __init__(self, plan: Plan) -> None:
        self.seen: list[Seen] = []
        self.closed = asyncio.Event()  # The kept connection, after its answer.
        self.struck = asyncio.Event()
        self._plan = plan
        self._armed = asyncio.Event()
        self._over = asyncio.Event()
        self._struck_at_s: float | None = None

    def arm(self) -> None:
        """From now on, strike."""
        self._armed.set()

    def calm(self) -> None:
        """From now on, accept, and let time stand still; end what hangs."""
        self._armed.set()
        self._over.set()
        self._struck_at_s = None

    def strike(self) -> None:
        """From now on the time of the attempt counts: a busy machine may take long until here."""
        self._struck_at_s = self._struck_at_s or time.monotonic()
        self.struck.set()

    def clock(self) -> float:
        """Return the time since the strike; it stands still before."""
        return 0.0 if self._struck_at_s is None else time.monotonic() - self._struck_at_s

    async def behave(self, reader: Reader, writer: Writer) -> None:
        seen = Seen()
        self.seen.append(seen)
        if not self._armed.is_set():
            await self._accept(seen, reader, writer)
            if self._plan.phase is Phase.AFTER_CLOSE:
                await self._close(seen, reader, writer)
                return
            await self._armed.wait()
        goes_on = self._over.is_set() or await self._strike(seen, reader, writer)
        while goes_on:
            await self._accept(seen, reader, writer)

    async def _accept(self, seen: Seen, reader: Reader, writer: Writer) -> None:
        await seen.request(reader)
        writer.write(OK)
        await writer.drain()

    async def _close(self, seen: Seen, reader: Reader, writer: Writer) -> None:
        if self._plan.closed_by_reset:
            reset(writer)
            await asyncio.sleep(0)  # asyncio closes the socket in the next turn of the loop.
        else:
            writer.write_eof()
        self.closed.set()
        await seen.rest(reader)

    async def _say(self, writer: Writer) -> None:
        with suppress(ConnectionError):  # Whoever did not ask hangs up at the first piece.
            for piece in self._plan.says():
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    async def _strike(self, seen: Seen, reader: Reader, writer: Writer) -> bool:
        """Do what is planned; tell whether the connection goes on."""
        plan = self._plan
        if plan.phase is Phase.DURING:
            await seen.part(reader, plan.chance)
            _transport(writer).pause_reading()  # Else asyncio reads on by itself.
        elif plan.phase is not Phase.BEFORE_SEND:
            await seen.request(reader)
        await self._say(writer)
        if plan.ends() is Ends.RESET:
            reset(writer)
        elif plan.ends() is Ends.CLOSE:
            writer.write_eof()
        self.strike()
        if plan.answers_whole and plan.phase in {Phase.AFTER, Phase.AFTER_CLOSE}:
            return True
        await self._over.wait()
        _transport(writer).resume_reading()
        await seen.rest(reader)
        return False
