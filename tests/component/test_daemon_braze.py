"""The whole daemon: what Braze answers, and what becomes of the members meanwhile."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.configs import IMPORT_KEY, PARTNER_KEY
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.stage import Stage


@pytest.mark.parametrize("wrong", ["partner_key", "client_secret"])
def test_a_refused_key_holds_everything_until_its_file_is_corrected(
    stage: Stage, wrong: str
) -> None:
    file, good = {
        "partner_key": (stage.partner_key, PARTNER_KEY),
        "client_secret": (stage.import_key, IMPORT_KEY),
    }[wrong]
    file.write_text("canary-of-a-wrong-key")
    stage.produce(add("vip", "u1"))
    daemon = stage.start()

    blocked = daemon.wait_for_reason(wrong)
    assert blocked["checks"]["braze"]["ok"] is False
    assert blocked["ready"] is False
    assert daemon.get("/readyz")[0] == 503
    assert daemon.get("/livez")[0] == 200
    [line] = daemon.log_lines("delivery_blocked")
    assert line["reason"] == wrong
    assert (stage.committed_offset() or 0) == 0
    assert f'cohortd_blocked{{reason="{wrong}"}} 1.0' in daemon.get("/metrics")[1]

    file.write_text(good)
    stage.wait_members(vip={"u1"}, timeout_s=8.0)  # Far sooner than the 15 s of a slow probe.
    daemon.wait_until_ready()
    wait_until("the offset follows", lambda: stage.committed_offset() == 1)
    daemon.wait_for_line("secret_reloaded")
    assert daemon.status()["counters"]["dead_letters"] == 0
    assert daemon.terminate() == 0


def test_a_stop_does_not_wait_for_somebody_to_correct_a_key(stage: Stage) -> None:
    stage.partner_key.write_text("canary-of-a-wrong-key")
    stage.produce(add("vip", "u1"))
    daemon = stage.start({"shutdown.grace": "60s"})
    daemon.wait_for_reason("partner_key")

    begun_s = time.monotonic()
    assert daemon.terminate() == 0

    assert time.monotonic() - begun_s < 10.0
    offset, mark = stage.committed()[0]
    assert (offset, mark.clean) == (0, False)


def test_a_daemon_is_connected_before_there_is_anything_to_send(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as braze:
        braze.settimeout(30.0)
        daemon = stage.start({"braze.endpoint": f"http://127.0.0.1:{braze.getsockname()[1]}"})
        daemon.wait_until_ready()

        connection, _ = braze.accept()

        connection.close()
    assert daemon.terminate() == 0


def test_after_a_429_nothing_is_sent_before_the_reset(stage: Stage) -> None:
    stage.simulator.set_faults("status=429,reset=5,count=1,endpoint=users")
    stage.produce(add("vip", "u1"))
    daemon = stage.start()

    daemon.wait_for_reason("quota")
    daemon.wait_for("it is ready", lambda status: status["ready"])
    stage.produce(add("other", "u1"))
    stage.wait_members(vip={"u1"}, other={"u1"})

    seen = [request.outcome for request in stage.simulator.seen()]
    refused = stage.simulator.seen()[seen.index("429")]
    later = [r.arrived_at_s for r in stage.simulator.seen() if r.arrival > refused.arrival]
    assert min(later) - refused.arrived_at_s >= 4.0  # The header counts whole seconds.


def test_trouble_with_one_cohort_does_not_delay_the_others(stage: Stage) -> None:
    stage.simulator.set_faults(
        "status=423,cohort=locked,endpoint=users", "status=503,cohort=ill,endpoint=users"
    )
    stage.produce(add("locked", "u1"), add("ill", "u1"), add("well", "u0"))
    daemon = stage.start()
    stage.wait_members(well={"u0"})
    daemon.wait_for_reason("locked")

    for number in range(1, 6):
        stage.produce(add("well", f"u{number}"))
        begun_s = time.monotonic()
        stage.wait_members(well={f"u{n}" for n in range(number + 1)})
        assert time.monotonic() - begun_s < 5.0
    assert stage.simulator.members("locked") == stage.simulator.members("ill") == set()
    assert stage.committed_offset() == 0
    assert daemon.status()["ready"] is True

    stage.simulator.set_faults()
    stage.wait_members(locked={"u1"}, ill={"u1"})
    wait_until("the offset follows", lambda: stage.committed_offset() == 8)


def test_an_opposite_change_waits_until_a_lost_request_can_not_be_applied_any_more(
    stage: Stage,
) -> None:
    # The add gets no answer within the 2 s of an attempt, and is applied after 3 s.
    stage.simulator.set_faults("hang,late=3s,count=1,endpoint=users")
    stage.start({"delivery.settle": "4s"})
    stage.produce(add("vip", "u1"))
    wait_until("the add is on its way", lambda: stage.simulator.stats()["requests"]["users"])
    stage.produce(remove("vip", "u1"))

    wait_until("the remove has come", lambda: ("vip", "u1", False) in stage.deliveries(), 20.0)
    assert stage.simulator.stats()["late"] == 0  # The lost request was applied meanwhile.
    assert stage.deliveries().count(("vip", "u1", True)) == 2
    assert stage.deliveries()[-1] == ("vip", "u1", False)
    assert stage.simulator.members("vip") == set()


@pytest.mark.parametrize(
    "fault", ["drop=before", "drop=after", "truncate", "queued,endpoint=users", "drop=during"]
)
def test_members_arrive_though_answers_are_lost(stage: Stage, fault: str) -> None:
    stage.simulator.set_faults(f"{fault},rate=0.4")
    expected = set()
    stage.start()
    for number in range(30):
        stage.produce(add("vip", f"u{number}"), add("other", f"u{number}"))
        expected.add(f"u{number}")
    stage.produce(remove("vip", "u3"), remove("other", "u4"))

    stage.wait_members(vip=expected - {"u3"}, other=expected - {"u4"})
