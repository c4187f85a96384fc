"""Row 9: a process that is stopped for half a session, and does not notice."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

SESSION_S = 6.0  # As the stage has it.


def pause(daemon: DaemonProcess, for_s: float) -> None:
    daemon.signal(signal.SIGSTOP)
    time.sleep(for_s)  # This is the fault itself; nothing is waited for.
    daemon.signal(signal.SIGCONT)


def test_a_pause_of_half_a_session_costs_no_rebalance_and_repeats_nothing(
    wide_stage: Stage,
) -> None:
    stage = wide_stage
    daemon = stage.start({"window.max_age": "4s"})
    daemon.wait_until_assigned(4)
    expected = set()

    for turn in range(3):
        users = [f"u{turn}-{number}" for number in range(40)]
        expected |= set(users)
        for partition in range(4):
            stage.produce(*(add("vip", user) for user in users[partition::4]), partition=partition)
        read = len(expected)  # They are held in new windows, and nothing is on the wire.
        daemon.wait_for("all is read", lambda s, n=read: s["counters"]["records_read"] == n)  # type: ignore[misc]
        pause(daemon, SESSION_S / 2)
        stage.wait_members(vip=expected)

    delivered = stage.deliveries()
    assert len(delivered) == len(set(delivered)) == len(expected)
    daemon.wait_for_line("partitions_assigned")
    assert len(daemon.log_lines("partitions_assigned")) == 1
    assert not daemon.log_lines("partitions_revoked")
    assert not daemon.log_lines("partitions_lost")
    wait_until(
        "the offsets follow",
        lambda: sum(offset for offset, _ in stage.committed(4).values()) == len(expected),
    )
