from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from daemon.logs import LogPipe, configure, event, get_logger
from tests.support.logging_restored import logging_restored

__all__ = ["logging_restored"]  # A fixture is there by being named.


def test_a_blocked_pipe_never_blocks_and_drops_are_said_later() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        pipe = configure("info", stream=stream)
        log = get_logger()
        for number in range(20_000):
            log.info(event.COHORT_ANNOUNCED, number=number, padding="x" * 100)
        dropped = pipe.dropped
        hung = pipe.flush(0.01)

        text = drain(reader, pipe)

    lines = [json.loads(line) for line in text.splitlines()]
    said = sum(line["count"] for line in lines if line["event"] == "log_lines_dropped")
    assert not hung
    assert dropped > 0
    assert said == dropped
    assert sum(line["event"] == "cohort_announced" for line in lines) == 20_000 - dropped


def drain(reader: int, pipe: LogPipe) -> str:
    pieces: list[bytes] = []

    def read() -> None:
        while piece := os.read(reader, 65_536):
            pieces.append(piece)
            if b"the_end" in piece[-200:]:
                return

    thread = threading.Thread(target=read)
    thread.start()
    assert pipe.flush(10)
    get_logger().info("the_end")
    assert pipe.close(10)
    thread.join(10)
    os.close(reader)
    return b"".join(pieces).decode()


def test_a_process_with_a_blocked_pipe_still_ends() -> None:
    program = (
        "from daemon.logs import configure, get_logger\n"
        "pipe = configure('info')\n"
        "for number in range(5000): get_logger().info('filling', number=number)\n"
        "raise SystemExit(3 if not pipe.flush(0.05) else 0)"
    )
    root = Path(__file__).parents[2]

    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as run:
        status = run.wait(20)  # Nobody reads meanwhile.

    assert status == 3


def test_a_pipe_made_non_blocking_by_another_loses_nothing() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(writer, "w") as stream:
        pipe = configure("info", stream=stream)
        for number in range(3_000):
            get_logger().info(event.COHORT_ANNOUNCED, number=number)

        lines = [json.loads(line) for line in drain(reader, pipe).splitlines()]

    assert [line["number"] for line in lines[:-1]] == list(range(3_000))


def test_a_reader_that_left_costs_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        pipe = configure("info", stream=stream)

        get_logger().info(event.DAEMON_STARTED)

        assert pipe.flush()
        assert pipe.dropped >= 1
        assert pipe.close()
