"""What an input costs where no search looks on, which makes it three times as dear and more.

A process of its own, asked by its standard input: a length of four bytes and the input, as
often as wanted; it answers each with the seconds of a processor, in a line.
"""

from __future__ import annotations

import subprocess
import sys
import time

_LENGTH_BYTES = 4
_TIMES = 3  # The least counts: the machine may have other work.


class Untraced:
    """The process, started when it is first asked; it ends when its asker does."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def cost_s(self, data: bytes) -> float:
        """Return what the input costs, in seconds of a processor."""
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.untraced"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def main() -> None:
    """Answer until nobody asks any more."""
    from tests.fuzz.targets import run  # noqa: PLC0415  Not where a search imports this first.

    while length := sys.stdin.buffer.read(_LENGTH_BYTES):
        data = sys.stdin.buffer.read(int.from_bytes(length, "big"))
        costs = []
        for _ in range(_TIMES):
            began_s = time.thread_time()
            run(data)
            costs.append(time.thread_time() - began_s)
        print(min(costs), flush=True)


if __name__ == "__main__":
    main()
