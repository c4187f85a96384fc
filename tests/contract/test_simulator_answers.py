"""The simulator against Braze's documented answers, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from daemon.core.model import Alias, Device
from daemon.tools.simulator import SimulatorSettings, SimulatorThread
from daemon.tools.simulator.request import CHANGES_TEXT
from tests.support.simulator_client import COHORTS, SUCCESS, USERS, SimulatorClient

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


def test_cohort_and_members_are_accepted_with_success(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    announced = client.announce()
    updated = client.update(
        {"user_ids": ["u1", "u2"], "should_remove": False},
        {"device_ids": ["d1"], "aliases": [{"alias_name": "a@b.c", "alias_label": "email"}]},
        {"user_ids": ["u2"], "should_remove": True},
    )

    assert (announced.status_code // 100, announced.json()) == (2, SUCCESS)
    assert (updated.status_code // 100, updated.json()) == (2, SUCCESS)
    assert simulator.members("vip") == {"u1", Device("d1"), Alias("a@b.c", "email")}
    assert simulator.names() == {"vip": "VIP"}


def test_repeating_is_harmless_and_a_new_name_renames(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    answers = [client.announce(), client.announce(), client.announce(name="Best")]
    answers += [client.update({"user_ids": ["u1"]}), client.update({"user_ids": ["u1"]})]

    assert [answer.json() for answer in answers] == [SUCCESS] * 5
    assert simulator.names() == {"vip": "Best"}
    assert simulator.members("vip") == {"u1"}


def test_every_answer_carries_the_quota_headers(client: SimulatorClient) -> None:
    answers = [client.announce(), client.update(cohort_id=7), client.announce(client_secret="x")]

    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["99", "98", "97"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"100"}
    assert {answer.headers["X-RateLimit-Reset"] for answer in answers} == {str(int(HOUR) + 3600)}


def test_a_used_up_quota_is_429_and_nothing_is_applied(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    client.announce()
    simulator.call(lambda inside: inside.quota.set(HOUR + 60, remaining=1))

    answers = [client.update({"user_ids": [user]}) for user in ("u1", "u2")]

    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].headers["X-RateLimit-Remaining"] == "0"
    assert simulator.members("vip") == {"u1"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"cohort_id": 7}, "`cohort_id` must be a valid string"),
        ({"cohort_id": ""}, "`cohort_id` must be a valid string"),
        ({"cohort_id": None}, "`cohort_id` must be a valid string"),
        ({"name": ""}, "`name` must be a non-empty string"),
        ({"name": 7}, "`name` must be a non-empty string"),
        ({"created_at": "yesterday"}, "`created_at` must be a valid ISO-8601 time"),
        ({"created_at": 1_700_000_000}, "`created_at` must be a valid ISO-8601 time"),
    ],
)
def test_a_malformed_announcement_is_400(
    simulator: SimulatorThread, client: SimulatorClient, fields: dict[str, Any], text: str
) -> None:
    answer = client.announce(**fields)

    assert (answer.status_code, answer.json()) == (400, {"message": text})
    assert simulator.cohorts() == {}


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {},
        "u1",
        ["u1"],
        [{}],
        [{"should_remove": True}],
        [{"user_ids": "u1"}],
        [{"user_ids": [1]}],
        [{"user_ids": ["u1", None]}],
        [{"device_ids": [{"id": "d1"}]}],
        [{"aliases": ["a"]}],
        [{"aliases": {"alias_name": "a", "alias_label": "b"}}],
        [{"aliases": [{"alias_name": "a"}]}],
        [{"aliases": [{"alias_name": "a", "alias_label": 1}]}],
        [{"user_ids": ["u1"], "should_remove": "false"}],
        [{"user_ids": ["u1"], "should_remove": None}],
        [{"user_ids": ["u1"]}, {"user_ids": 7}],
    ],
)
def test_malformed_changes_are_400_and_none_of_them_is_applied(
    simulator: SimulatorThread, client: SimulatorClient, changes: object
) -> None:
    client.announce()

    answer = client.update(cohort_changes=changes)

    assert (answer.status_code, answer.json()) == (400, {"message": CHANGES_TEXT})
    assert simulator.members("vip") == frozenset()


def test_a_body_that_is_no_json_object_is_400(client: SimulatorClient) -> None:
    answers = [client.http.post(USERS, content=body) for body in (b"", b"{", b"[]", b"\xff")]

    assert {answer.status_code for answer in answers} == {400}
    assert all("JSON object" in answer.json()["message"] for answer in answers)


def test_a_thousand_ids_over_all_kinds_and_directions_is_the_most(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    client.announce()
    users = [f"u{number}" for number in range(500)]
    devices = [f"d{number}" for number in range(300)]
    aliases = [{"alias_name": f"a{number}", "alias_label": "email"} for number in range(200)]
    full = [{"user_ids": users}, {"device_ids": devices, "aliases": aliases, "should_remove": True}]

    taken = client.update(*full)
    refused = client.update(*full, {"user_ids": ["one more"]})

    assert taken.json() == SUCCESS
    assert (refused.status_code, refused.json()) == (
        400,
        {"message": "only 1,000 ids are allowed per request"},
    )
    assert len(simulator.members("vip")) == 500
    assert simulator.stats()["violations"]["too_many_ids"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/partners/other/cohorts"),
        ("POST", "/partners/acme/cohorts/"),
        ("POST", "/partners/acme/cohorts/users/more"),
        ("POST", "/cohorts"),
        ("POST", "/"),
        ("GET", COHORTS),
        ("DELETE", USERS),
        ("HEAD", COHORTS),
    ],
)
def test_another_partner_path_or_method_is_404(
    client: SimulatorClient, method: str, path: str
) -> None:
    assert client.http.request(method, path).status_code == 404


def test_members_of_a_cohort_that_was_never_created_are_refused_and_counted(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    answer = client.update({"user_ids": ["u1"]})

    assert (answer.status_code, answer.json()) == (400, {"message": "cohort does not exist"})
    assert simulator.stats()["violations"]["unknown_cohort"] == 1


def test_an_empty_change_list_only_asks_whether_the_keys_are_good(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    answers = [client.update(), client.update(client_secret="no")]

    assert [answer.status_code for answer in answers] == [201, 401]
    assert set(simulator.stats()["violations"].values()) == {0}
    assert simulator.cohorts() == {}


def test_a_member_in_both_lists_is_counted_and_removed(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    client.announce()

    answer = client.update({"user_ids": ["u1"], "should_remove": True}, {"user_ids": ["u1", "u2"]})

    assert answer.json() == SUCCESS
    assert simulator.members("vip") == {"u2"}
    assert simulator.stats()["violations"]["both_lists"] == 1


def test_a_body_over_a_mebibyte_is_413_and_counted(
    simulator: SimulatorThread, client: SimulatorClient
) -> None:
    client.announce()

    answers = [client.update({"user_ids": ["u" * (1 << 20)]}), client.update({"user_ids": ["u"]})]

    assert [answer.status_code for answer in answers] == [413, 201]
    assert simulator.stats()["violations"]["too_large"] == 1


def test_a_body_far_too_large_is_refused_before_it_is_sent(simulator: SimulatorThread) -> None:
    head = b"POST /partners/acme/cohorts HTTP/1.1\r\nHost: s\r\nContent-Length: 99999999\r\n\r\n"

    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as sock:
        sock.sendall(head)
        answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 413")


def test_unknown_users_are_ignored_in_silence() -> None:
    with SimulatorThread(SimulatorSettings(users=frozenset({"u1"}))) as simulator:
        client = SimulatorClient(simulator.url)
        with client.http:
            client.announce()
            answer = client.update({"user_ids": ["u1", "stranger"]})

            assert answer.json() == SUCCESS
            assert simulator.members("vip") == {"u1"}
            assert simulator.stats()["unknown_users"] == 1


def test_without_settings_every_partner_and_key_is_taken() -> None:
    with SimulatorThread() as simulator, httpx.Client(base_url=simulator.url) as http:
        fields = {"cohort_id": "c", "name": "C", "created_at": "2026-01-01"}
        keys = {"partner_api_key": "any", "client_secret": "any"}

        taken = http.post("/partners/whoever/cohorts", json=fields | keys)
        refused = http.post("/partners/whoever/cohorts", json=fields)

        assert [taken.status_code, refused.status_code] == [201, 401]
