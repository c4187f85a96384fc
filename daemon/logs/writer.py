"""A thread that writes lines, so that nobody else ever waits for whoever reads them."""

from __future__ import annotations

import io
import os
import queue
import select
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BATCH_LINES = 256


class LineWriter:
    """A bounded queue of lines and the one thread that writes them, in order.

    `put` never waits: when the reader stands still and the queue is full, the line is dropped and
    counted, and how many were lost is written as soon as a line gets through again. A reader that
    has gone away costs the lines, not the process.
    """

    def __init__(self, stream: TextIO, capacity: int, describe_drops: Callable[[int], str]) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._capacity = capacity
        self._describe_drops = describe_drops
        # A SimpleQueue may be used from a signal handler that interrupted a put; a Queue may not.
        self._queue: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        self._counting = threading.RLock()  # Reentrant for the same reason; only drops take it.
        self._dropped = 0
        self._told = 0
        self._thread = threading.Thread(target=self._run, name="cohortd-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost since the start."""
        return self._dropped

    def put(self, line: str) -> None:
        """Hand over a line with its newline; return at once."""
        if self._queue.qsize() >= self._capacity:
            self._drop(1)
        else:
            self._queue.put(line)

    def flush(self, timeout_s: float) -> bool:
        """Wait until what was put before is written; False when that took too long."""
        written = threading.Event()
        self._queue.put(written)
        return written.wait(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Write what is left and end the thread; False when it still hangs on its reader."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _drop(self, count: int) -> None:
        with self._counting:
            self._dropped += count

    def _run(self) -> None:
        for batch in self._batches():
            if batch:
                self._write(batch)
            missing = self._dropped - self._told
            if missing and self._write([self._describe_drops(missing)]):
                self._told += missing

    def _batches(self) -> Iterator[list[str]]:
        batch: list[str] = []
        while (item := self._queue.get()) is not None:
            if isinstance(item, str):
                batch.append(item)
            if batch and (self._queue.empty() or len(batch) >= _BATCH_LINES):
                yield batch
                batch = []
            if isinstance(item, threading.Event):
                yield batch
                batch = []
                item.set()
        yield batch

    def _write(self, lines: list[str]) -> bool:
        text = "".join(lines)
        try:
            if self._fd is None:
                self._stream.write(text)
                self._stream.flush()
            else:
                _write_all(self._fd, text.encode("utf-8", "backslashreplace"))
        except (OSError, ValueError):  # The reader has gone, or the stream was closed.
            self._drop(len(lines))
            return False
        return True


def _descriptor(stream: TextIO) -> int | None:
    # Past Python's buffer: a thread that hangs in a buffered write holds that buffer's lock, and
    # the interpreter aborts at exit when it can't take it.
    try:
        stream.flush()
        return stream.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):
        return None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # Whoever shares the pipe with us made it non-blocking.
            ready = select.poll()
            ready.register(fd, select.POLLOUT)
            ready.poll()
