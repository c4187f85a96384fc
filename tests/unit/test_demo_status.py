from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from daemon.config.settings import load
from daemon.report import status_body
from daemon.status import Board, CohortView, DaemonView, DeliveryView, IntakeView, PartitionView
from daemon.tools.demo.faults import CALM, FAULTS
from daemon.tools.demo.files import SETTLE_S, write_files
from daemon.tools.demo.status_page import DaemonState, read_state
from daemon.tools.simulator.faults import parse_fault

HERE = ("t", 0)


def _board(state: str = "assigned") -> Board:
    board = Board(DaemonView("0.1", "demo", "abc", "g", 0.0), 0.0)
    row = PartitionView("t", 0, "assigned", position=9, committed=9, end_offset=9, lag=0)
    if state == "replaying":
        row = msgspec.structs.replace(row, state="replaying")
    board.publish_intake(IntakeView("assigned", (row,), consumed=9), 0.0)
    view = DeliveryView(requests=4, retries=1, cohorts=(CohortView("vip", "VIP", pending=2),))
    board.publish_delivery(view, 0.0)
    return board


def test_the_real_status_page_is_read() -> None:
    state = read_state(status_body(_board(), 0.0, 0.0))

    assert state.serving == 1
    assert state.retries == 1
    assert state.pending_of == {"vip": 2}
    assert state.delivered({HERE: 9})


def test_a_replica_that_may_not_send_yet_does_not_serve() -> None:
    state = read_state(status_body(_board("replaying"), 0.0, 0.0))

    assert state.serving == 0


def test_nothing_counts_as_delivered_before_it_is_read_and_committed() -> None:
    state = read_state(status_body(_board(), 0.0, 0.0))

    assert not state.delivered({HERE: 10})
    assert not replace(state, committed={HERE: 8}).delivered({HERE: 9})
    assert not replace(state, pending=1).delivered({HERE: 9})
    assert not DaemonState().delivered({HERE: 9})


def test_the_configuration_is_one_the_daemon_takes(tmp_path: Path) -> None:
    files = write_files(tmp_path, "127.0.0.1:9092", "http://127.0.0.1:8090")

    settings = load([files.config], {})

    assert settings.lease_s is not None
    assert settings.braze.partner_api_key.reveal() == files.partner_api_key
    assert (tmp_path / "data_import_key").stat().st_mode & 0o077 == 0


def test_the_faults_are_known_and_what_is_late_is_within_the_settle_time() -> None:
    faults = [parse_fault(spec) for spec in (*FAULTS, *CALM)]

    assert all((fault.apply_after_s or 0.0) < SETTLE_S for fault in faults)
