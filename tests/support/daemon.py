"""The daemon as a child process: started on a configuration, asked by HTTP, ended by its own id."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.support.processes import Child, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.config.document import Document

START_S = 30.0  # A cold start on a busy machine; usually it is one second.
STOP_S = 40.0
WAIT_S = 90.0

_ROOT = Path(__file__).parents[2]

# Straight to the daemon, whatever proxy the environment names.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_numbers = itertools.count(1)


class DaemonProcess:
    """`cohortd run` between `start` and its end; `with` ends it whatever happened.

    Its whole output is kept in a file of its own beside its configuration.
    """

    def __init__(
        self,
        config: Document,
        folder: Path,
        *,
        environ: Mapping[str, str] | None = None,
        module: str = "daemon",
        program: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> None:
        number = next(_numbers)
        file = folder / f"daemon-{number}.yaml"
        file.write_text(yaml.safe_dump(config, allow_unicode=True))
        inherited = {name: text for name, text in os.environ.items() if "COHORTD" not in name}
        if cwd is not None:  # The checkout that is tested, wherever it is run.
            inherited["PYTHONPATH"] = str(_ROOT)
        argv = ["env", "-i", *(f"{n}={t}" for n, t in {**inherited, **(environ or {})}.items())]
        argv += [*(program or (sys.executable, "-m", module)), "run", "-c", str(file)]
        self._child = Child(argv, folder / f"daemon-{number}.log", cwd=cwd)
        self._port: int | None = None

    # What it says.

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""
        return self._child.returncode

    def output(self) -> str:
        """Return stdout and stderr as they came."""
        return self._child.output()

    def log_lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the log lines, of one event or all; fail where a line is not one."""
        whole, _, _partial = self.output().rpartition("\n")
        lines = [json.loads(line) for line in whole.splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def wait_for_line(self, event: str, timeout_s: float = WAIT_S, **fields: object) -> Any:  # noqa: ANN401
        """Return the first log line of this event with these fields."""

        def found() -> dict[str, Any] | None:
            self._check_runs()
            lines = self.log_lines(event)
            return next((line for line in lines if fields.items() <= line.items()), None)

        return self._told(f"a line {event} {fields}", found, timeout_s)

    # What it answers.

    @property
    def port(self) -> int:
        """The admin port, known once it has said so."""
        if self._port is None:
            self._port = int(self.wait_for_line("admin_started", START_S)["port"])
        return self._port

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of an admin page."""
        try:
            with _http.open(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def status(self) -> dict[str, Any]:
        """Return `/status`."""
        found: dict[str, Any] = json.loads(self.get("/status")[1])
        return found

    def wait_for(
        self, what: str, check: Callable[[dict[str, Any]], object], timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """Return the first status for which this holds."""

        def found() -> dict[str, Any] | None:
            self._check_runs()
            status = self.status()
            return status if check(status) else None

        status: dict[str, Any] = self._told(what, found, timeout_s)
        return status

    def wait_for_partition(
        self, what: str, check: Callable[[dict[str, Any]], object], number: int = 0
    ) -> dict[str, Any]:
        """Return a partition's first row for which this holds; what is shown may lag behind."""

        def rows(status: dict[str, Any]) -> list[dict[str, Any]]:
            return [row for row in status["partitions"] if row["partition"] == number]

        return rows(self.wait_for(what, lambda status: any(map(check, rows(status)))))[0]

    def wait_until_assigned(self, partitions: int, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Return when it reads so many partitions, none of which waits for anything."""

        def working(status: dict[str, Any]) -> bool:
            states = [row["state"] for row in status["partitions"]]
            return len(states) == partitions and set(states) <= {"assigned"}

        return self.wait_for(f"{partitions} partitions are read", working, timeout_s)

    def wait_for_reason(self, reason: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Return the status when it waits for this; others may be named beside it."""

        def named(status: dict[str, Any]) -> bool:
            return reason in [wait["reason"] for wait in status["waits"]]

        return self.wait_for(f"it waits for {reason}", named, timeout_s)

    def wait_until_ready(self, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Return the status when it is ready and waits for nothing."""
        return self.wait_for(
            "it is ready", lambda status: status["ready"] and not status["waits"], timeout_s
        )

    # How it ends.

    def signal(self, number: signal.Signals) -> None:
        self._child.signal(number)

    def terminate(self, timeout_s: float = STOP_S) -> int:
        """Send SIGTERM and return the exit code, after it has ended by itself."""
        self._child.signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = STOP_S) -> int:
        """Return the exit code when it has ended by itself."""
        self._told("it ends", lambda: self.returncode is not None, timeout_s)
        return self._child.wait()

    def kill(self) -> None:
        """End it as a crash would."""
        self._child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    def _told(self, what: str, check: Callable[[], Any], timeout_s: float) -> Any:  # noqa: ANN401
        """Wait, and show the end of the log where it was in vain."""
        try:
            return wait_until(what, check, timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.output()[-6000:]}") from None

    def _check_runs(self) -> None:
        if self.returncode is not None:
            raise AssertionError(f"it ended with {self.returncode}:\n{self.output()[-6000:]}")
