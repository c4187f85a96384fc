"""Rows 12 and 76: too little memory, too few file descriptors, a CPU that is mostly elsewhere."""

from __future__ import annotations

import resource
import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.mock_cluster import Api
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import DaemonProcess
    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage

OFFSET_METADATA_TOO_LARGE = 12  # Whatever it is answered, the commit is not taken.
LEASE_S = 1.5  # As the stage's short times leave it.
REQUEST_S = 2.0


def memory_of(daemon: DaemonProcess) -> int:
    """Return how many bytes of memory are its own."""
    lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmData:")).split()[1])


# With little room the client library meets the limit, with more of it that or our own code does.
@pytest.mark.parametrize("room_mb", [4, 12])
def test_a_process_that_hits_its_memory_limit_ends_and_the_next_loses_nothing(
    wide_stage: Stage, room_mb: int
) -> None:
    stage = wide_stage
    daemon = stage.start({"window.max_age": "1h", "window.max_changes": 16_000})
    daemon.wait_until_assigned(4)
    limit = memory_of(daemon) + room_mb * 1024 * 1024
    resource.prlimit(daemon.pid, resource.RLIMIT_DATA, (limit, limit))

    users = [f"{'x' * 300}-{number}" for number in range(40_000)]
    for partition in range(4):
        held = [add(f"c{partition}", user) for user in users[partition::4]]
        stage.produce(*held, partition=partition)

    wait_until("it ends", lambda: daemon.returncode is not None, 60.0)
    assert daemon.returncode != 0
    stage.daemons.remove(daemon)  # What it said with its last breath may be no line of ours.
    successor = stage.start()
    stage.wait_members({f"c{n}": set(users[n::4]) for n in range(4)}, timeout_s=60.0)
    successor.wait_for("nothing is pending", lambda status: not status["pending"])
    assert successor.terminate() == 0
    assert sum(offset for offset, _ in stage.committed(4).values()) == len(users)


def test_with_64_file_descriptors_it_is_slower_and_never_wrong(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.simulator.set_faults("delay=300ms")
    daemon = stage.start()
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (64, 64))
    daemon.wait_until_assigned(4)
    expected: dict[str, set[str]] = {f"c{number}": set() for number in range(60)}
    port = daemon.port

    with ExitStack() as idle:
        for _ in range(60):  # Whoever connects and says nothing holds a descriptor of its.
            connection = idle.enter_context(socket.socket())
            connection.settimeout(1.0)
            connection.connect(("127.0.0.1", port))
        wait_until("none is left", lambda: open_files(daemon) == 64)
        for turn in range(5):
            for number, (cohort, members) in enumerate(expected.items()):
                stage.produce(
                    add(cohort, f"u{turn}"), remove(cohort, f"u{turn - 2}"), partition=number % 4
                )
                members.add(f"u{turn}")
                members.discard(f"u{turn - 2}")
        line = daemon.wait_for_line("update_retried")
        assert (line["reason"], line["ambiguous"]) == ("connect", False)
        assert "Too many open files" in line["detail"]

    stage.wait_members(expected, timeout_s=90.0)
    assert daemon.returncode is None
    assert daemon.get("/livez")[0] == 200
    wait_until(
        "the offsets follow",
        lambda: sum(offset for offset, _ in stage.committed(4).values()) == 600,
    )


def open_files(daemon: DaemonProcess) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


@contextmanager
def starved(daemon: DaemonProcess, runs_s: float = 0.05, stands_s: float = 0.45) -> Iterator[None]:
    """Let it run a tenth of the time."""
    over = threading.Event()

    def duty() -> None:
        while not over.is_set():
            daemon.signal(signal.SIGSTOP)
            over.wait(stands_s)
            daemon.signal(signal.SIGCONT)
            over.wait(runs_s)

    thread = threading.Thread(target=duty)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_cpu_that_is_there_a_tenth_of_the_time_corrupts_nothing(wide_stage: Stage) -> None:
    stage = wide_stage
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    expected: set[str] = set()

    with starved(daemon):
        for number in range(400):
            user = f"u{number * 7 % 50}"
            joins = number % 3 != 0
            change = add("vip", user) if joins else remove("vip", user)
            stage.produce(change, partition=number * 7 % 50 % 4)
            (expected.add if joins else expected.discard)(user)
        stage.wait_members(vip=expected, timeout_s=60.0)

    stage.wait_members(vip=expected)
    wait_until(
        "the offsets follow",
        lambda: sum(offset for offset, _ in stage.committed(4).values()) == 400,
    )
    assert daemon.terminate() == 0


def test_a_starved_process_starts_no_request_after_its_lease(
    stage: Stage, mock: MockCluster
) -> None:
    daemon = stage.start()
    daemon.wait_until_assigned(1)
    stage.produce(add("vip", "u0"))
    stage.wait_members(vip={"u0"})

    with starved(daemon):
        mock.fail_next(Api.OFFSET_COMMIT, [OFFSET_METADATA_TOO_LARGE] * 10_000)
        refused_from_s = time.time()
        number = 0
        while time.time() < refused_from_s + 3 * (LEASE_S + REQUEST_S):
            number += 1
            stage.produce(add("vip", f"u{number}"))
            time.sleep(0.01)  # The mock cluster keeps 5 MB.
        late = [
            request.arrived_at_s
            for request in stage.simulator.seen()
            if request.arrived_at_s > refused_from_s + LEASE_S + REQUEST_S + 1.0
        ]
        mock.clear_faults(Api.OFFSET_COMMIT)

    assert late == []
    stage.wait_members(vip={f"u{n}" for n in range(number + 1)}, timeout_s=60.0)
