"""What a bad wire to the broker does: silence, delay, tearing, and commits that hang."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.flips import PARTITIONS, Flips
from tests.support.mock_cluster import Api
from tests.support.processes import wait_until
from tests.support.stage import add
from tests.support.tcp_proxy import SILENT, Wire
from tests.support.topics import TIMEOUT_S, admin_of

if TYPE_CHECKING:
    from tests.support.brokers import KafkaServer
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage
    from tests.support.tcp_proxy import TcpProxy

RECORDS = int(os.environ.get("WIRE_RECORDS", "600"))
pytestmark = pytest.mark.timeout(300 + RECORDS // 10)
RESETS = 3
LEASE_S = 1.5  # Of `SHORT`: a session of 6 s, less a heartbeat, a request and the margin.
ARRIVING_S = 1.0  # From the start of a request to its arrival, on a busy machine.
BACK_S = 30.0


def _behind(server: KafkaServer) -> dict[str, object]:
    """Return what leads a daemon through the proxy."""
    assert server.proxied is not None
    return {"kafka.bootstrap_servers": f"127.0.0.1:{server.proxied.proxy}"}


def _members_of_group(stage: Stage) -> int:
    admin = admin_of(stage.bootstrap)
    described = admin.describe_consumer_groups([stage.group])[stage.group].result(TIMEOUT_S)
    return len(described.members)


# --- silence (row 36) ----------------------------------------------------------------------------


def test_row_36_when_the_broker_falls_silent_sending_stops_with_the_lease_and_goes_on_afterwards(
    kafka_server: KafkaServer, one_stage: Stage, proxy: TcpProxy
) -> None:
    stage = one_stage
    stage.simulator.set_faults("delay=1500ms")
    daemon = stage.start(_behind(kafka_server))
    daemon.wait_until_assigned(PARTITIONS)
    names = [f"c{number}" for number in range(200)]  # More than can be sent before the lease ends.
    for number, name in enumerate(names):
        stage.produce(add(name, "u1"), partition=number % PARTITIONS)
    stage.simulator.wait_for(lambda braze: braze.workspace.history.next_number > 5)

    proxy.set(SILENT)
    silent_at_s = time.time()
    daemon.wait_for_reason("lease")
    wait_until("the broker has given the member up", lambda: not _members_of_group(stage))
    arrivals = [seen.arrived_at_s for seen in stage.simulator.history()]
    stopped_after_s = max(arrivals) - silent_at_s
    waited_s = time.time() - silent_at_s
    proxy.clear()
    back_s = time.monotonic()

    assert stopped_after_s < LEASE_S + ARRIVING_S < waited_s - 1.0
    stage.simulator.set_faults()
    stage.wait_members({name: {"u1"} for name in names}, timeout_s=BACK_S)
    print(
        f"sending stopped {stopped_after_s:.1f} s after the silence began, and all was at Braze"
        f" {time.monotonic() - back_s:.1f} s after it ended"
    )
    daemon.wait_until_ready()
    assert daemon.terminate() == 0
    assert sum(offset for offset, _ in stage.committed(PARTITIONS).values()) == len(names)


# --- slow and torn (row 37) ----------------------------------------------------------------------

# A lease that commits taking seconds can renew: the session is 20 s, so the lease 15 s.
_PATIENT = {
    "kafka.properties.session:timeout:ms": 20_000,
    "kafka.properties.heartbeat:interval:ms": 1_000,
}


# An answer of the default megabyte a partition would take longer here than `socket.timeout.ms`.
_SMALL_ANSWERS = {"kafka.properties.fetch:message:max:bytes": 32_768}


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(Wire(latency_s=2.0), id="two-seconds"),
        pytest.param(Wire(reset_chance=0.01), id="one-percent-reset"),
        pytest.param(Wire(bytes_per_s=10_000), id="ten-kilobytes-a-second"),
        pytest.param(Wire(slice_bytes=3), id="three-bytes-at-once"),
    ],
)
def test_row_37_a_bad_wire_makes_it_slower_and_nothing_else(
    kafka_server: KafkaServer, one_stage: Stage, proxy: TcpProxy, wire: Wire
) -> None:
    stage, flips = one_stage, Flips(one_stage)
    small = _SMALL_ANSWERS if wire.bytes_per_s else {}
    daemon = stage.start({**_behind(kafka_server), **_PATIENT, **small})
    daemon.wait_until_assigned(PARTITIONS)
    proxy.set(wire)
    began_s = time.monotonic()

    for _ in range(RECORDS // 20):
        flips.produce(20)
    if wire.reset_chance:
        flips.produce_until("connections were reset", lambda: proxy.resets >= RESETS)
    flips.settle(timeout_s=60.0 + RECORDS / 10)

    took_s, count = time.monotonic() - began_s, sum(flips.ends.values())
    print(f"{count} records in {took_s:.1f} s, {proxy.resets} connections reset")
    assert proxy.connections > 0  # It went through the wire at all.
    assert not daemon.log_lines("frontier_stuck")
    proxy.clear()
    assert daemon.terminate() == 0


def test_row_37_connections_torn_again_and_again_lose_nothing(
    kafka_server: KafkaServer, one_stage: Stage, proxy: TcpProxy
) -> None:
    stage, flips = one_stage, Flips(one_stage)
    daemon = stage.start(_behind(kafka_server))
    daemon.wait_until_assigned(PARTITIONS)

    for _ in range(20):
        flips.produce(20)
        proxy.reset_all()
    flips.settle()

    assert daemon.terminate() == 0


# --- a crash while a commit hangs (row 4) --------------------------------------------------------


@pytest.mark.parametrize("reaches_the_broker", [False, True])
def test_row_4_a_kill_while_a_commit_hangs_leaves_an_offset_that_is_good(
    kafka_server: KafkaServer, one_stage: Stage, proxy: TcpProxy, *, reaches_the_broker: bool
) -> None:
    stage, flips = one_stage, Flips(one_stage)
    victim = stage.start(_behind(kafka_server))
    flips.produce(200)
    flips.settle()
    before = stage.committed(PARTITIONS)

    (proxy.hold_answers if reaches_the_broker else proxy.hold_requests)(Api.OFFSET_COMMIT)
    flips.produce(200)
    proxy.wait_until_held(Api.OFFSET_COMMIT)
    if reaches_the_broker:
        wait_until("a commit was taken", lambda: stage.committed(PARTITIONS) != before)
    else:
        assert stage.committed(PARTITIONS) == before
    victim.kill()
    proxy.reset_all()  # What hung on the wire never arrives.
    flips.check()
    proxy.clear()
    _take_over(stage, flips)


def _take_over(stage: Stage, flips: Flips) -> DaemonProcess:
    """Start another daemon, which ends right whatever the one before has left."""
    successor = stage.start()
    flips.produce(100)
    flips.settle()
    assert successor.terminate() == 0
    return successor
