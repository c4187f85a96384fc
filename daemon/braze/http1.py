"""HTTP/1.1 over one wire: a request leaves in one piece, then its answer is read.

llhttp reads the answer, strictly (by httptools); this carries its bytes and decides which answer is
ours. The layers of a general client cost a request more CPU than all else in it, and what a slot
has is one connection and one request at a time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, TypeAlias

import httptools
import httpx
import msgspec

from daemon.braze.wire import Wire

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]

# What may stand in no line of a head: with it a value would be a second line.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_VERSION: Final = b"HTTP/1."  # llhttp reads RTSP's and ICE's answers as well.

_LENGTH_DIGITS_MAX: Final = 19  # What llhttp keeps has 64 bits; it takes zeros before that.


class Head(msgspec.Struct, frozen=True):
    """What came before the answer's body."""

    status_code: int
    reason: bytes
    headers: Headers

    def values(self, wanted: bytes) -> list[bytes]:
        """Return the values of a header, whose name is in lower case."""
        return [value for name, value in self.headers if name.lower() == wanted]

    @property
    def body_length(self) -> int | None:
        """Return how long the body is, by its own word, None where that is no sensible word."""
        lengths = self.values(b"content-length")  # llhttp has seen that it is one number.
        return int(lengths[0]) if lengths and len(lengths[0]) <= _LENGTH_DIGITS_MAX else None

    @property
    def is_readable(self) -> bool:
        """Tell whether we know how such an answer ends, and that it is one."""
        codings = self.values(b"transfer-encoding")
        chunked = not codings or [coding.strip().lower() for coding in codings] == [b"chunked"]
        return chunked and self.status_code >= 100  # noqa: PLR2004


class Incoming:
    """What llhttp says of one answer. What comes behind it is of no answer to anything of ours."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.whole = False
        self.stays = False  # May the connection be used again?
        self._reason = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._begun = b""
        self._failure: httpx.RemoteProtocolError | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        # Some servers write them, and they have no say in where an answer ends.
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)

    def feed(self, data: bytes) -> None:
        """Take bytes, in any pieces. Raise httpx.RemoteProtocolError where they are not HTTP.

        Behind a head that is deferred to `take_body`: a status counts, whatever comes of its body.
        """
        if self.whole or self._failure is not None:
            return
        try:
            self._check_version(data)
            self._parse(data)
        except httpx.RemoteProtocolError as failure:
            self._failure = failure
        if self.whole or self._failure:
            self._parser = None  # It holds us, and would be left to the collector.
        if self._failure is not None and self.head is None:
            raise self._failure

    def _check_version(self, data: bytes) -> None:
        if len(self._begun) < len(_VERSION):
            self._begun += data[: len(_VERSION)]
            if not _VERSION.startswith(self._begun[: len(_VERSION)]):
                raise httpx.RemoteProtocolError("the answer is not of HTTP/1")

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:  # A bug in what is called below.
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.whole:  # Else it is about what comes behind.
                raise httpx.RemoteProtocolError(f"the answer is not HTTP: {error}") from error
        if self.head is not None and not self.head.is_readable:
            self.head, self.whole = None, False
            raise httpx.RemoteProtocolError("the answer has a form that nobody asked for")

    def end(self) -> None:
        """The peer has said all. Raise httpx.RemoteProtocolError where more was announced."""
        self._parser = None
        if self.head is None:
            raise httpx.RemoteProtocolError("the connection was closed in the answer's head")
        framed = self.head.values(b"content-length") or self.head.values(b"transfer-encoding")
        if framed and not self.whole:
            raise httpx.RemoteProtocolError("the connection was closed in the answer's body")
        self.whole = True

    def take_body(self) -> bytes:
        """Return what has come of the body since the last call; raise what it broke off with."""
        body = b"".join(self._parts)
        self._parts.clear()
        if not body and self._failure is not None:
            raise self._failure
        return body

    # What llhttp calls; an informational answer is none, and is forgotten.

    def on_message_begin(self) -> None:
        """Begin anew, behind an informational answer too."""
        if not self.whole:
            self._reason = b""
            self._headers = []

    def on_status(self, reason: bytes) -> None:
        """Keep a piece of the reason."""
        if not self.whole:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes behind the body is none."""
        if self.head is None:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Know the head."""
        status = self._parser.get_status_code()
        informational = 100 <= status < 200  # noqa: PLR2004
        if self.head is None and not informational:
            self.head = Head(status, self._reason, self._headers)
            self.stays = self._parser.should_keep_alive()

    def on_body(self, part: bytes) -> None:
        """Keep a piece of the body."""
        if not self.whole and self.head is not None:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Know that this was all."""
        self.whole = self.head is not None


class Http1:
    """A connection that stands. After anything but a whole answer it is of no more use."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._incoming: Incoming | None = None

    async def ask(self, method: str, target: bytes, headers: Headers, content: bytes = b"") -> Head:
        """Send a request and return the answer's head, in httpx's words where there is none.

        `content` is as long as the headers say, and goes as it is.
        """
        self._incoming = incoming = Incoming()
        self.wire.send(_head_of(method, target, headers) + content)
        while incoming.head is None:
            await self._read(incoming)
        return incoming.head

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the answer's body as it comes, neither decoded nor decompressed."""
        incoming = self._incoming
        assert incoming is not None
        while True:
            if part := incoming.take_body():
                yield part
            elif incoming.whole:
                return
            else:
                await self._read(incoming)

    def next_cycle(self) -> bool:
        """Tell whether another request may follow: the answer is whole, and was not the last."""
        incoming = self._incoming
        return incoming is not None and incoming.whole and incoming.stays

    async def _read(self, incoming: Incoming) -> None:
        if data := await self.wire.receive():
            incoming.feed(data)
        else:
            incoming.end()


def _head_of(method: str, target: bytes, headers: Headers) -> bytes:
    """Return a request's head. Raise httpx.LocalProtocolError where a line would become two."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%b: %b" % header for header in headers]
    if any(map(_CONTROL.search, lines)):
        raise httpx.LocalProtocolError("a control character in the request's head")
    return b"\r\n".join([*lines, b"", b""])
