"""Faults that change what is answered, as a client meets them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daemon.tools.simulator import SimulatorSettings, SimulatorThread
from tests.support.simulator_client import SimulatorClient, begin_anew

NOW = 1_800_000_060.0
IMPATIENT_S = 0.05


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatorThread]:
    with SimulatorThread(SimulatorSettings(clock=lambda: NOW)) as simulator:
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


def test_a_status_is_answered_and_nothing_applied(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=503,count=1")

    answers = [client.add("u1"), client.add("u2")]

    assert [answer.status_code for answer in answers] == [503, 201]
    assert answers[0].json() == {"message": "Service Unavailable"}
    assert answers[0].headers["X-RateLimit-Limit"] == "250000"
    assert simulator.members("vip") == {"u2"}


@pytest.mark.parametrize(
    ("reset", "said"),
    [
        ("", str(int(NOW) + 1)),
        (",reset=20", str(int(NOW) + 20)),
        (",reset=500ms", str(int(NOW) + 1)),
        (",reset=past", "0"),
        (",reset=far", "4070908800"),
        (",reset=malformed", "soon"),
        (",reset=none", None),
    ],
)
def test_a_429_says_when_to_come_back(
    simulator: SimulatorThread, client: SimulatorClient, reset: str, said: str | None
) -> None:
    simulator.set_faults(f"status=429,retry_after=7{reset}")

    answer = client.add("u1")

    assert answer.status_code == 429
    assert answer.headers.get("X-RateLimit-Reset") == said
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert answer.headers["Retry-After"] == "7"


def test_a_423_locks_one_cohort(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_faults("status=423,cohort=vip")

    answers = [client.add("u1"), client.add("u1", cohort="other")]

    assert [answer.status_code for answer in answers] == [423, 201]
    assert simulator.cohorts() == {"vip": frozenset(), "other": frozenset({"u1"})}


def test_a_401_can_say_any_of_the_texts(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=401,message=Invalid partner API key")

    answer = client.add("u1")

    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid partner API key")


def test_a_culprit_has_every_request_refused_that_names_it(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=400,member=bad-*")

    answers = [client.add("u1", "bad-1"), client.add("u1"), client.add("bad-2")]

    assert [answer.status_code for answer in answers] == [400, 201, 400]


def test_large_bodies_can_be_refused_on_their_own(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=413,over=1kB")

    answers = [client.add(*(f"user-{number:05}" for number in range(size))) for size in (10, 200)]

    assert [answer.status_code for answer in answers] == [201, 413]


def test_an_endpoint_can_fail_on_its_own(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("status=500,endpoint=cohorts")

    assert [client.announce().status_code, client.add("u1").status_code] == [500, 201]


def test_a_late_request_is_applied_after_its_answer(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("late=20ms")

    answer = client.add("u1")

    assert answer.status_code == 500
    assert simulator.wait_for(lambda inside: "u1" in inside.workspace.members("vip"))
    assert simulator.stats()["late"] == 0


def test_a_queued_request_is_202_and_applied_later(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("queued,late=20ms")

    answer = client.add("u1")

    assert (answer.status_code, answer.json()) == (202, {"message": "queued"})
    assert simulator.wait_for(lambda inside: "u1" in inside.workspace.members("vip"))


def test_a_success_may_carry_errors(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_faults("errors")

    answer = client.add("u1")

    assert answer.status_code == 201
    assert answer.json()["message"] == "success"
    assert len(answer.json()["errors"]) == 1
    assert simulator.members("vip") == {"u1"}


@pytest.mark.parametrize(
    ("spec", "status", "location"),
    [
        ("redirect", 307, "http://elsewhere.invalid/"),
        ("status=301,redirect=https://a.example/?b=c", 301, "https://a.example/?b=c"),
    ],
)
def test_a_redirect_leads_elsewhere(
    simulator: SimulatorThread, client: SimulatorClient, spec: str, status: int, location: str
) -> None:
    simulator.set_faults(spec)

    answer = client.add("u1")

    assert (answer.status_code, answer.headers["Location"]) == (status, location)
    assert simulator.members("vip") == frozenset()


def test_a_page_from_something_between_is_no_answer_of_braze(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("html")

    answer = client.add("u1")

    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")
    assert simulator.members("vip") == frozenset()


def test_an_answer_may_be_empty(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_faults("empty")

    answer = client.add("u1")

    assert (answer.status_code, answer.content) == (200, b"")
    assert simulator.members("vip") == {"u1"}


def test_a_request_that_is_wrong_anyway_is_never_applied_by_a_fault(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_faults("errors", "late=0s")

    answer = client.add("u1", cohort="never announced")

    assert answer.status_code == 400
    assert set(simulator.cohorts()) == {"vip", "other"}
