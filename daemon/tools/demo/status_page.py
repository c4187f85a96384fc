"""What the daemon says of itself, asked over and over by a thread of its own."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

ASK_EVERY_S = 0.2
ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class DaemonState:
    """One answer of `/status`, as far as the demo reads it; the defaults say: no answer."""

    summary: str = ""
    serving: int = 0  # Partitions it may send from.
    pending: int = 0
    in_flight: int = 0
    requests: int = 0
    retries: int = 0
    records_read: int = 0
    dead_letters: int = 0
    pending_of: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)
    committed: Mapping[tuple[str, int], int] = field(default_factory=dict)

    @property
    def answered(self) -> bool:
        """Whether there is a daemon that answered."""
        return bool(self.summary)

    def delivered(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Tell whether all of these logs is read, accepted by Braze and committed."""
        if self.pending or self.in_flight:
            return False
        return all(
            self.positions.get(at, -1) == end and (self.committed.get(at, -1) == end or not end)
            for at, end in ends.items()
        )


def read_state(body: Mapping[str, Any]) -> DaemonState:
    """Return what a body of `/status` says."""
    counters = body["counters"]
    rows = body["partitions"]
    at = {(row["topic"], row["partition"]): row for row in rows}
    return DaemonState(
        summary=body["summary"],
        serving=sum(row["state"] in {"assigned", "paused"} for row in rows),
        pending=body["pending"],
        in_flight=body["in_flight"],
        requests=counters["requests"],
        retries=counters["retries"],
        records_read=counters["records_read"],
        dead_letters=counters["dead_letters"],
        pending_of={row["id"]: row["pending"] for row in body["cohorts"]},
        positions={place: row["position"] or 0 for place, row in at.items()},
        committed={place: row["committed"] or 0 for place, row in at.items()},
    )


class StatusReader:
    """Asks while it is open; `state` is the last answer, or an empty one where none came.

    `port` says where, or None while there is nobody to be asked.
    """

    def __init__(self, port: Callable[[], int | None]) -> None:
        self._port = port
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="status-reader", daemon=True)
        self.state = DaemonState()

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(ASK_EVERY_S):
            port = self._port()
            self.state = DaemonState() if port is None else _ask(port)


def _ask(port: int) -> DaemonState:
    # No proxy of the environment is asked, unlike with urllib.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/status")
        answer = connection.getresponse()
        return read_state(orjson.loads(answer.read()))
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError):
        return DaemonState()
    finally:
        connection.close()
