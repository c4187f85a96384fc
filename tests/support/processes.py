"""Child processes of tests: output to a file, waited for by a line, ended by their own id."""

from __future__ import annotations

import functools
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

# Below the range outgoing connections take their ports from, so that nobody takes ours between
# the choice and the bind. A process of tests has a slice of it for itself: a broker binds seconds
# after its port was chosen, and other runs choose theirs meanwhile.
_PORTS = range(20_000, 32_000)
_SLICE = 600


def free_port() -> int:
    """Return a port of 127.0.0.1 nobody listens on, and no other test is given for long."""
    _, ports = _own_slice()
    for _ in range(_SLICE):
        port = next(ports)
        if (probe := _bound(port)) is not None:
            probe.close()
            return port
    raise RuntimeError("every port of this process's slice is taken")


@functools.cache
def _own_slice() -> tuple[socket.socket, Iterator[int]]:
    """Return what holds this process's slice, its first port, and the others in turn."""
    for first in _PORTS[::_SLICE]:
        if (lease := _bound(first)) is not None:
            others = random.sample(range(first + 1, first + _SLICE), _SLICE - 1)
            return lease, itertools.cycle(others)
    raise RuntimeError(f"{len(_PORTS) // _SLICE} processes of tests have all ports below 32000")


def _bound(port: int) -> socket.socket | None:
    bound = socket.socket()
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        return None
    return bound


def wait_until(what: str, check: Callable[[], T | None], timeout_s: float = 60.0) -> T:
    """Return the first truthy answer of `check`; fail with `what` after `timeout_s`.

    A check that blocks on its own (a poll with a timeout) is asked again at once; the pause
    between two questions only keeps a quick check from spinning.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.01)


class Child:
    """One child process whose whole output goes to a file."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._from = out.tell()  # A restart appends; only this process's lines count.
            self._process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                cwd=cwd,
                user=user,
                start_new_session=True,  # A Ctrl-C at the terminal is the test run's to handle.
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def output(self) -> str:
        with self.log.open("rb") as lines:
            lines.seek(self._from)
            return lines.read().decode(errors="replace")

    def wait_for_line(self, text: str, timeout_s: float = 60.0) -> None:
        """Return when a line has `text`; fail with the end of the log when it can't come."""
        try:
            wait_until(
                text,
                lambda: text in self.output() or self.returncode is not None,
                timeout_s,
            )
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._end()}") from None
        if text not in self.output():
            raise AssertionError(f"ended with {self.returncode} before {text!r}:\n{self._end()}")

    def _end(self) -> str:
        """Return the end of the log and its first errors: what a server says as it ends is long."""
        errors = [line for line in self.output().splitlines() if " ERROR " in line]
        return "\n".join([self.output()[-3000:], *errors[:5]])

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 30.0) -> int:
        return self._process.wait(timeout_s)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a crash would: nothing of it runs any more when this returns."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def stop(self, timeout_s: float = 20.0) -> int:
        """Ask it to end, then make it end. Return its exit code."""
        if self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
