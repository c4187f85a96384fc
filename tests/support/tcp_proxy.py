"""A wire between the daemon and a broker, which a test makes slow, silent or torn as it likes.

It cuts the stream into Kafka's frames and reads of each only what the frame's header says: which
request it is, and to which one an answer belongs.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
import random
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

_LENGTH = struct.Struct(">i")
_REQUEST = struct.Struct(">hhi")  # Which API, its version, and the number an answer repeats.
_ANSWER = struct.Struct(">i")
_END = b""  # In a queue of frames: the sender has closed its side.


@dataclass(frozen=True, slots=True)
class Wire:
    """What every frame goes through, in both directions of every connection."""

    latency_s: float = 0.0  # Of an answer; a request is not delayed, so it is once around.
    bytes_per_s: float = math.inf  # In each direction of a connection.
    slice_bytes: int = 65_536  # The most that is written at once.
    reset_chance: float = 0.0  # That a frame ends its connection instead of arriving.
    silent: bool = False  # Connected, and nothing passes; what comes meanwhile passes later.


CLEAR = Wire()
SILENT = Wire(silent=True)


@dataclass(eq=False)
class _Connection:
    """Both directions of one connection, and the requests whose answers are held back."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    apis: dict[int, int] = field(default_factory=dict)  # By the number of the request.

    def reset(self) -> None:
        """End it so that both sides see an error, not the end of a stream."""
        for writer in (self.client, self.broker):
            with contextlib.suppress(OSError):
                own: socket.socket = writer.get_extra_info("socket")
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class TcpProxy:
    """Listens on one port and passes on to another; changed at any time from any thread.

    What is changed holds for every frame that has not left yet. `with` ends it, and with it every
    connection.
    """

    def __init__(self, port: int, upstream: int, *, seed: int = 1) -> None:
        self.resets = 0
        self.connections = 0
        self._port = port
        self._upstream = upstream
        self._chance = random.Random(seed)
        self._wire = CLEAR
        self._held_requests: frozenset[int] = frozenset()
        self._held_answers: frozenset[int] = frozenset()
        self._holding: collections.Counter[int] = collections.Counter()
        self._changed = asyncio.Event()
        self._open: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    # What a test does to it.

    def set(self, wire: Wire) -> None:
        """Let the wire be like this from now on."""
        self._call(lambda: self._change(wire=wire))

    def hold_requests(self, *apis: int) -> None:
        """Keep requests of these kinds, and what comes behind them, from the broker."""
        self._call(lambda: self._change(requests=frozenset(apis)))

    def hold_answers(self, *apis: int) -> None:
        """Keep the answers to requests of these kinds, and what comes behind them."""
        self._call(lambda: self._change(answers=frozenset(apis)))

    def wait_until_held(self, api: int, timeout_s: float = 30.0) -> None:
        """Return when at least one frame of this kind is kept."""
        wait_until(f"a frame of API {api} is held", lambda: self._holding[api] > 0, timeout_s)

    def clear(self) -> None:
        """Let all pass again, at once."""
        self._call(lambda: self._change(wire=CLEAR, requests=frozenset(), answers=frozenset()))

    def reset_all(self) -> None:
        """Tear every connection."""
        self._call(self._tear_all)

    def _tear_all(self) -> None:
        for connection in self._open:
            connection.reset()

    def __enter__(self) -> Self:
        self._thread.start()
        self._await(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # In its own thread.

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._spawn(self._serve(reader, writer))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        self._open.add(connection)
        try:
            there = _Direction(self, connection, far_writer, answers=False)
            back = _Direction(self, connection, writer, answers=True)
            work = [there.read(reader), there.write(), back.read(far_reader), back.write()]
            tasks = [self._loop.create_task(part) for part in work]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            self._open.discard(connection)
            writer.transport.abort()
            far_writer.transport.abort()

    def _change(
        self,
        wire: Wire | None = None,
        requests: frozenset[int] | None = None,
        answers: frozenset[int] | None = None,
    ) -> None:
        self._wire = self._wire if wire is None else wire
        self._held_requests = self._held_requests if requests is None else requests
        self._held_answers = self._held_answers if answers is None else answers
        self._changed.set()
        self._changed = asyncio.Event()

    async def passage(self, api: int, *, answers: bool) -> Wire:
        """Return how the wire is when a frame of this kind may pass."""
        while self._wire.silent or api in (self._held_answers if answers else self._held_requests):
            self._holding[api] += 1
            try:
                await self._changed.wait()
            finally:
                self._holding[api] -= 1
        return self._wire

    @property
    def wire(self) -> Wire:
        """How the wire is now."""
        return self._wire

    def torn(self) -> bool:
        """Say of one frame whether its connection ends with it."""
        torn = self._chance.random() < self._wire.reset_chance
        self.resets += torn
        return torn

    def _call(self, act: Callable[[], object]) -> None:
        async def called() -> None:
            act()

        self._await(called())

    def _await(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20.0)


class _Direction:
    """One direction of a connection: frames wait in a queue until they are due."""

    def __init__(
        self,
        proxy: TcpProxy,
        connection: _Connection,
        out: asyncio.StreamWriter,
        *,
        answers: bool,
    ) -> None:
        self._proxy = proxy
        self._connection = connection
        self._out = out
        self._answers = answers
        self._frames: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read(self, reader: asyncio.StreamReader) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            try:
                head = await reader.readexactly(_LENGTH.size)
                frame = head + await reader.readexactly(_LENGTH.unpack(head)[0])
            except (OSError, asyncio.IncompleteReadError):
                frame = _END
            latency_s = self._proxy.wire.latency_s if self._answers else 0.0
            self._frames.put_nowait((clock() + latency_s, frame))
            if not frame:
                return

    async def write(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due_s, frame = await self._frames.get()
            api = self._api(frame)
            wire = await self._proxy.passage(api, answers=self._answers)
            if due_s > clock() and wire.latency_s:
                await asyncio.sleep(due_s - clock())
            if not frame:
                raise EOFError
            if self._proxy.torn():
                self._connection.reset()
                raise ConnectionResetError
            for start in range(0, len(frame), wire.slice_bytes):
                part = frame[start : start + wire.slice_bytes]
                self._out.write(part)
                await self._out.drain()
                await asyncio.sleep(len(part) / wire.bytes_per_s)

    def _api(self, frame: bytes) -> int:
        """Return which API a frame is of; -1 for the end, and for what nobody asked for."""
        if len(frame) < _LENGTH.size + (_ANSWER if self._answers else _REQUEST).size:
            return -1
        if self._answers:
            return self._connection.apis.pop(_ANSWER.unpack_from(frame, _LENGTH.size)[0], -1)
        api, _version, number = _REQUEST.unpack_from(frame, _LENGTH.size)
        self._connection.apis[number] = api
        return int(api)
