"""Row 77: nobody reads the log, and somebody reads the metrics all the time, or not to the end."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import yaml

from tests.support.processes import free_port, wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stage import Stage

SCRAPES = 100

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def page(port: int, path: str = "/metrics") -> str:
    with _http.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def dropped_lines(port: int) -> float:
    name = "cohortd_log_lines_dropped_total "
    return float(next(x for x in page(port).splitlines() if x.startswith(name)).split()[1])


# With room for twenty lines instead of thousands, so that it is full within the test.
SHORT_LOG = """
import runpy, sys
from daemon.logs import setup
setup.QUEUE_LINES_MAX = 20
sys.argv[0] = "cohortd"
runpy.run_module("daemon", run_name="__main__")
"""


@contextmanager
def unread(stage: Stage, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon whose output is a pipe that nobody reads."""
    file = stage.folder / "unread.yaml"
    file.write_text(yaml.safe_dump(stage.config({"admin.port": port})))
    argv = [sys.executable, "-c", SHORT_LOG, "run", "-c", str(file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        try:
            yield process
        finally:
            process.kill()


def scrape(port: int, over: threading.Event, scraped: list[float]) -> None:
    """Ask a hundred times a second, until it is over."""
    while not over.is_set():
        begun_s = time.monotonic()
        page(port)
        scraped.append(time.monotonic() - begun_s)
        over.wait(max(0.0, 0.01 - scraped[-1]))


def test_with_its_log_blocked_and_its_metrics_besieged_changes_flow(stage: Stage) -> None:
    port = free_port()
    over, scraped = threading.Event(), list[float]()
    with unread(stage, port) as process, ExitStack() as ends:
        wait_until("it answers", lambda: answers(port))
        scraper = threading.Thread(target=scrape, args=(port, over, scraped))
        scraper.start()
        ends.callback(scraper.join)
        ends.callback(over.set)
        for _ in range(8):  # Each asks for the page, and reads nothing of it.
            connection = ends.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        users: set[str] = set()

        def flows_and_drops() -> bool:
            more = [f"u{len(users) + number}" for number in range(50)]
            users.update(more)
            stage.produce(*(add(f"c{user}", user) for user in more))
            stage.wait_members({f"c{user}": {user} for user in more}, timeout_s=20.0)
            return dropped_lines(port) > 0 and len(scraped) >= SCRAPES

        wait_until("it was scraped often, and lines are dropped and counted", flows_and_drops, 60.0)
        over.set()
        scraper.join()

        assert process.poll() is None
        wait_until("the offset follows", lambda: stage.committed_offset() == len(users))
        process.terminate()
        assert process.wait(30.0) == 0  # Nobody reads to the end either.


def answers(port: int) -> bool:
    try:
        return bool(page(port, "/status"))
    except OSError:
        return False
