"""The daemon as a child process: started, killed, restarted, stopped; its log in a file.

It is ended by its own id, whatever happens here. It is in a session of its own, so that Ctrl-C at
the terminal reaches the demo alone, which then ends it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import orjson

import daemon
from daemon.logs import event

TAIL_LINES = 15

# Where the package is imported from: the child must run the same, wherever we were started.
_HOME = Path(daemon.__file__).resolve().parents[1]


class ChildDaemon:
    """At most one process at a time; `starts` counts them."""

    def __init__(self, config: Path, log: Path) -> None:
        self._config = config
        self._log = log
        self._log_from = 0
        self._port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one that was not ended by us."""
        return None if self._process is None else self._process.pid

    def start(self) -> int:
        """Start `python -m daemon run`; return the process's id."""
        assert self._process is None, "started twice"
        # What the person's own cohortd is told by the environment is not meant for this one.
        env = {name: text for name, text in os.environ.items() if not name.startswith("COHORTD_")}
        with self._log.open("ab") as out:
            self._log_from = out.tell()
            self._process = subprocess.Popen(  # noqa: S603  Our own interpreter and module.
                [sys.executable, "-m", "daemon", "run", "-c", str(self._config)],
                cwd=_HOME,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._port = None
        self.starts += 1
        return self._process.pid

    def ended(self) -> int | None:
        """Return the exit code of a process that ended by itself, None while it runs."""
        return None if self._process is None else self._process.poll()

    def admin_port(self) -> int | None:
        """Return where the running process serves its status, as soon as its log says so."""
        if self._process is None:
            return None
        if self._port is None:
            self._port = self._find_port()
        return self._port

    def kill(self) -> None:
        """End it as a crash would: it gets no chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self, timeout_s: float) -> int | None:
        """Ask it to end with SIGTERM; return its exit code, None where it had to be killed."""
        assert self._process is not None, "not started"
        process, self._process = self._process, None
        try:
            process.terminate()
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def tail(self) -> list[str]:
        """Return the last lines of its log."""
        if not self._log.exists():
            return []
        with self._log.open(encoding="utf-8", errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, TAIL_LINES)]

    def _find_port(self) -> int | None:
        with self._log.open("rb") as lines:
            lines.seek(self._log_from)
            for line in lines:
                if event.ADMIN_STARTED.encode() not in line:
                    continue
                try:
                    return int(orjson.loads(line)["port"])
                except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
                    continue  # Only half written yet.
        return None
