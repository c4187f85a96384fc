"""Faults of the connection, as a client meets them: dropped, cut, withheld, slow, too large."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from daemon.tools.simulator import SimulatorThread
from daemon.tools.simulator.server import Simulator
from tests.support.simulator_client import SimulatorClient, begin_anew

IMPATIENT_S = 0.05


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatorThread]:
    with SimulatorThread() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: SimulatorThread) -> SimulatorThread:
    running.call(begin_anew)
    return running


@pytest.fixture
def client(simulator: SimulatorThread) -> Iterator[SimulatorClient]:
    made = SimulatorClient(simulator.url)
    with made.http:
        yield made


@pytest.mark.parametrize(("drop", "applied"), [("before", False), ("after", True)])
def test_a_dropped_connection_leaves_the_client_in_doubt(
    simulator: SimulatorThread, client: SimulatorClient, drop: str, applied: bool
) -> None:
    simulator.set_faults(f"drop={drop}")

    with pytest.raises(httpx.RemoteProtocolError):
        client.add("u1")

    assert ("u1" in simulator.members("vip")) is applied
    assert simulator.seen()[-1].outcome == "dropped"


def test_a_reset_while_sending_applies_nothing(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("drop=during")

    with pytest.raises(httpx.TransportError):
        client.add(*(f"user-{number:05}" for number in range(1000)))

    assert simulator.members("vip") == frozenset()
    assert simulator.seen()[-1].outcome == "reset"


def test_an_idle_connection_may_be_closed_without_a_word(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("drop=idle,count=1")

    answer = client.add("u1")

    assert answer.status_code == 201
    assert "Connection" not in answer.headers
    assert simulator.wait_for(lambda inside: inside.stats.connections_open == 0)
    assert simulator.members("vip") == {"u1"}


def test_a_hanging_request_is_not_applied(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("hang")

    with pytest.raises(httpx.ReadTimeout):
        client.add("u1", read_timeout_s=IMPATIENT_S)

    assert simulator.wait_for(lambda inside: inside.stats.requests["users"]["hung"] == 1)
    assert simulator.members("vip") == frozenset()


def test_a_truncated_answer_was_applied(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("truncate")

    with pytest.raises(httpx.RemoteProtocolError):
        client.add("u1")

    assert simulator.members("vip") == {"u1"}


def test_a_delayed_answer_comes_after_the_change_was_applied(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("delay=10m")

    with pytest.raises(httpx.ReadTimeout):
        client.add("u1", read_timeout_s=IMPATIENT_S)

    assert simulator.wait_for(lambda inside: "u1" in inside.workspace.members("vip"))


def test_a_delay_and_jitter_pass(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_faults("delay=20ms,jitter=10ms")

    answer = client.add("u1")

    assert answer.status_code == 201
    assert 0.02 <= answer.elapsed.total_seconds() < 5


@pytest.mark.parametrize("spec", ["hang,late=1ms", "drop=before,late=1ms"])
def test_an_unanswered_request_may_be_applied_late(
    simulator: SimulatorThread, client: SimulatorClient, spec: str
) -> None:
    simulator.set_faults(spec)

    with pytest.raises((httpx.ReadTimeout, httpx.RemoteProtocolError)):
        client.add("u1", read_timeout_s=IMPATIENT_S)

    assert simulator.wait_for(lambda inside: "u1" in inside.workspace.members("vip"))


def test_an_answer_may_drip(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_faults("drip=1ms")

    assert client.add("u1").json() == {"message": "success"}


@pytest.mark.parametrize("spec", ["huge=3MB", "bomb=3MB"])
def test_an_answer_may_be_far_too_large(
    simulator: SimulatorThread, client: SimulatorClient, spec: str
) -> None:
    simulator.set_faults(spec)

    answer = client.add("u1")

    assert answer.status_code in {200, 201}
    assert len(answer.content) > 3_000_000
    assert answer.json() == {"message": "success"}


def test_a_status_without_a_body_is_still_http(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=204,count=1")

    assert [client.add("u1").status_code, client.add("u1").status_code] == [204, 201]


def test_stopping_drops_hanging_requests_at_once_and_a_restart_goes_on() -> None:
    simulator = SimulatorThread()
    with simulator:
        client, port = SimulatorClient(simulator.url), simulator.port
        with client.http:
            client.announce()
            simulator.set_faults("delay=1h")
            with pytest.raises(httpx.ReadTimeout):
                client.add("u1", read_timeout_s=IMPATIENT_S)
            assert simulator.wait_for(lambda inside: "u1" in inside.workspace.members("vip"))
            hanging = simulator.stats()["in_flight"]
    assert (hanging, simulator.stats()["in_flight"], simulator.stats()["in_flight_max"]) == (
        1,
        0,
        1,
    )

    with simulator:
        client = SimulatorClient(simulator.url)
        with client.http:
            simulator.set_faults()
            answer = client.add("u2")

        assert (answer.status_code, simulator.port) == (201, port)
        assert simulator.members("vip") == {"u1", "u2"}


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_is_just_being_accepted_is_dropped_by_a_stop_too(turns: int) -> None:
    async def scenario() -> None:
        loop, simulator = asyncio.get_running_loop(), await Simulator().start()
        with socket.create_connection(("127.0.0.1", simulator.port)) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)

            await simulator.stop()

            async with asyncio.timeout(30):
                with contextlib.suppress(ConnectionResetError):
                    assert await loop.sock_recv(client, 1) == b""

    asyncio.run(scenario())
