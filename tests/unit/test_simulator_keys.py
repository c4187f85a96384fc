"""Refused keys and the order of application, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.core.verdict import Verdict, judge
from daemon.tools.simulator import SimulatorSettings, SimulatorThread
from tests.support.simulator_client import SimulatorClient

HOUR = 1_800_000_000.0


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    settings = SimulatorSettings(
        partner="acme",
        partner_api_keys=("partner-1",),
        client_secrets=("secret-1",),
        quota=100,
        clock=lambda: HOUR + 60,
    )
    with SimulatorThread(settings) as running:
        yield running


@pytest.fixture
def client(simulator: SimulatorThread) -> Iterator[SimulatorClient]:
    made = SimulatorClient(simulator.url)
    with made.http:
        yield made


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"partner_api_key": "no"}, "Invalid partner API key", "partner_key"),
        ({"partner_api_key": None}, "Invalid partner API key", "partner_key"),
        ({"client_secret": "no"}, "Invalid client secret", "client_secret"),
        ({"client_secret": ""}, "Invalid client secret", "client_secret"),
        (
            {"partner_api_key": "no", "client_secret": "no"},
            "Invalid partner API key",
            "partner_key",
        ),
    ],
)
def test_refused_keys_are_401_in_words_that_the_daemon_tells_apart(
    simulator: SimulatorThread,
    client: SimulatorClient,
    fields: dict[str, Any],
    text: str,
    reason: str,
) -> None:
    answers = [client.announce(**fields), client.update({"user_ids": ["u1"]}, **fields)]

    for answer in answers:
        assert (answer.status_code, answer.json()) == (401, {"message": text})
        verdict, _, found = judge(answer.status_code, answer.text)
        assert (verdict, found) == (Verdict.BLOCKED, reason)
    assert simulator.cohorts() == {}


def test_a_partner_that_is_not_enabled_is_401(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.set_keys(partner_enabled=False)

    answer = client.announce()

    assert (answer.status_code, judge(401, answer.text)[2]) == (401, "partner_not_enabled")


def test_keys_rotate_with_an_overlap(simulator: SimulatorThread, client: SimulatorClient) -> None:
    simulator.set_keys(client_secrets=["secret-1", "secret-2"])
    both = [client.announce(), client.announce(client_secret="secret-2")]

    simulator.set_keys(client_secrets=["secret-2"])
    after = [client.announce(), client.announce(client_secret="secret-2")]

    assert [answer.status_code for answer in both] == [201, 201]
    assert [answer.status_code for answer in after] == [401, 201]


def test_requests_are_applied_in_the_order_of_their_arrival(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    simulator.call(lambda inside: inside.quota.set(HOUR + 60, limit=1000))
    client.announce()

    def send(user: str) -> None:
        own = SimulatorClient(simulator.url)
        with own.http:
            for turn in range(20):
                own.update({"user_ids": [user], "should_remove": turn % 2 == 1})

    threads = [threading.Thread(target=send, args=(f"u{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    history = simulator.history()
    assert [each.number for each in history] == list(range(81))
    assert [each.arrival for each in history] == list(range(81))
    for number in range(4):
        adds = [bool(each.adds) for each in history if f"u{number}" in each.adds + each.removes]
        assert adds == [True, False] * 10
