from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import httpx
import pytest

from daemon.core.model import Alias, Device
from daemon.tools.simulator import Simulator, SimulatorThread

KEYS = {"partner_api_key": "p", "client_secret": "s"}


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread() as running:
        yield running


@pytest.fixture
def http(simulator: SimulatorThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.url, trust_env=False) as client:
        announce(client, "a/b")
        yield client


def announce(http: httpx.Client, cohort: str) -> httpx.Response:
    fields = {"cohort_id": cohort, "name": "A and B", "created_at": "2026-01-01T00:00:00Z"}
    return http.post("/partners/acme/cohorts", json=KEYS | fields)


def update(http: httpx.Client, *changes: object, cohort: str = "a/b") -> httpx.Response:
    fields = {"cohort_id": cohort, "cohort_changes": changes}
    return http.post("/partners/acme/cohorts/users", json=KEYS | fields)


def test_cohorts_show_sorted_members_by_kind(http: httpx.Client) -> None:
    aliases = [{"alias_name": name, "alias_label": "email"} for name in ("z", "y")]
    update(http, {"user_ids": ["u2", "u1"], "device_ids": ["d1"], "aliases": aliases})

    shown = http.get("/_sim/cohorts/a%2Fb").json()
    all_shown = http.get("/_sim/cohorts").json()
    brief = http.get("/_sim/cohorts?members=false").json()

    assert shown == {
        "id": "a/b",
        "name": "A and B",
        "created_at": "2026-01-01T00:00:00Z",
        "renames": 0,
        "count": 5,
        "counts": {"user_ids": 2, "device_ids": 1, "aliases": 2},
        "members": {
            "user_ids": ["u1", "u2"],
            "device_ids": ["d1"],
            "aliases": [
                {"alias_name": "y", "alias_label": "email"},
                {"alias_name": "z", "alias_label": "email"},
            ],
        },
    }
    assert all_shown == {"cohorts": {"a/b": shown}}
    assert "members" not in brief["cohorts"]["a/b"]
    assert brief["cohorts"]["a/b"]["count"] == 5


def test_history_and_requests_are_read_on_from_a_number(http: httpx.Client) -> None:
    update(http, {"user_ids": ["u1"]}, {"device_ids": ["d1"], "should_remove": True})
    update(http, {"user_ids": ["u1"]}, cohort="none")

    history = http.get("/_sim/history?since=1").json()
    requests = http.get("/_sim/requests?since=1").json()

    assert [each["number"] for each in history["requests"]] == [1]
    assert history["requests"][0]["adds"]["user_ids"] == ["u1"]
    assert history["requests"][0]["removes"]["device_ids"] == ["d1"]
    assert (history["next"], history["dropped"]) == (2, 0)
    assert http.get("/_sim/history?since=2").json()["next"] == 2
    assert [(each["arrival"], each["outcome"]) for each in requests["requests"]] == [
        (1, "201"),
        (2, "400"),
    ]
    assert http.get("/_sim/history?since=x").status_code == 400


def test_stats_count_by_endpoint_and_status(http: httpx.Client) -> None:
    update(http, {"user_ids": ["u1"]})
    update(http, {"user_ids": ["u1"]}, cohort="none")

    stats = http.get("/_sim/stats").json()

    assert stats["requests"] == {"cohorts": {"201": 1}, "users": {"201": 1, "400": 1}}
    assert stats["violations"]["unknown_cohort"] == 1
    assert stats["quota"] == {"limit": 250_000, "remaining": 249_997}
    assert (stats["arrivals"], stats["applied"]) == (3, 2)


def test_members_can_be_tampered_with(simulator: SimulatorThread, http: httpx.Client) -> None:
    path = "/_sim/cohorts/a%2Fb/members"
    alias = {"aliases": [{"alias_name": "a", "alias_label": "email"}]}

    put = http.put(path, json={"user_ids": ["u1", "u2"], "device_ids": ["d1"], **alias})
    taken = http.request("DELETE", path, json={"user_ids": ["u1", "stranger"]})

    assert put.json() == {"changed": 4, "count": 4}
    assert taken.json() == {"changed": 1, "count": 3}
    assert simulator.members("a/b") == {"u2", Device("d1"), Alias("a", "email")}
    assert http.delete(path).json() == {"changed": 3, "count": 0}
    assert simulator.tamper("a/b", add=["u9"]) == 1
    assert len(simulator.history()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/_sim/cohorts/none/members", b'{"user_ids":["u"]}', 404),
        ("PUT", "/_sim/cohorts/a%2Fb/members", b"", 400),
        ("PUT", "/_sim/cohorts/a%2Fb/members", b'{"users":["u"]}', 400),
        ("DELETE", "/_sim/cohorts/a%2Fb/members", b"nonsense", 400),
        ("GET", "/_sim/cohorts/none", b"", 404),
        ("GET", "/_sim/nothing", b"", 404),
        ("POST", "/_sim/faults", b'["hang"]', 400),
        ("POST", "/_sim/faults", b'{"faults":["hang",7]}', 400),
        ("POST", "/_sim/faults", b'{"faults":["hangs"]}', 400),
        ("POST", "/_sim/keys", b"{}", 400),
        ("POST", "/_sim/keys", b'{"client_secret":["s"]}', 400),
        ("POST", "/_sim/keys", b'{"client_secrets":"s"}', 400),
        ("POST", "/_sim/keys", b'{"partner_enabled":"yes"}', 400),
        ("POST", "/_sim/quota", b'{"limit":-1}', 400),
        ("POST", "/_sim/quota", b'{"remaining":"1"}', 400),
    ],
)
def test_a_wrong_question_changes_nothing_and_is_told_why(
    simulator: SimulatorThread,
    http: httpx.Client,
    method: str,
    path: str,
    body: bytes,
    status: int,
) -> None:
    answer = http.request(method, path, content=body)

    assert answer.status_code == status
    assert answer.json()["message"]
    assert simulator.members("a/b") == frozenset()
    assert http.get("/_sim/faults").json() == {"faults": []}
    assert update(http, {"user_ids": ["u1"]}).status_code == 201


def test_faults_are_replaced_shown_and_cleared(http: httpx.Client) -> None:
    http.post("/_sim/faults", json={"faults": ["hang,rate=0"]})
    http.post("/_sim/faults", json={"faults": ["status=503,count=1", "delay=0s"]})
    answers = [update(http, {"user_ids": ["u1"]}) for _ in range(2)]

    shown = http.get("/_sim/faults").json()
    cleared = http.delete("/_sim/faults").json()

    assert [answer.status_code for answer in answers] == [503, 201]
    assert shown["faults"] == [
        {"fault": "status=503,count=1", "seen": 2, "hits": 1},
        {"fault": "delay=0s", "seen": 1, "hits": 1},
    ]
    assert cleared == {"faults": []}


def test_keys_and_quota_change_at_run_time_and_no_key_is_shown(http: httpx.Client) -> None:
    keys = http.post("/_sim/keys", json={"client_secrets": ["top-secret"]})
    refused = update(http, {"user_ids": ["u1"]})
    http.post("/_sim/keys", json={"client_secrets": []})
    quota = http.post("/_sim/quota", json={"limit": 10, "remaining": 1})
    answers = [update(http, {"user_ids": ["u1"]}) for _ in range(2)]

    assert keys.json() == {"partner_api_keys": 0, "client_secrets": 1, "partner_enabled": True}
    assert refused.status_code == 401
    assert quota.json() == {"limit": 10, "remaining": 1}
    assert [answer.status_code for answer in answers] == [201, 429]


def test_the_own_interface_answers_whatever_faults_are_in_force(http: httpx.Client) -> None:
    http.post("/_sim/faults", json={"faults": ["hang"]})

    assert http.get("/_sim/ready").json() == {"ready": True}


def test_what_is_not_http_is_refused_and_the_next_is_served(
    simulator: SimulatorThread, http: httpx.Client
) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as sock:
        sock.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = sock.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400")
    assert http.get("/_sim/ready").status_code == 200


def test_a_client_that_waits_for_a_go_ahead_gets_one(simulator: SimulatorThread) -> None:
    head = b"PUT /_sim/x HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"

    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as sock:
        sock.sendall(head)
        went_on = sock.recv(64)
        sock.sendall(b"{}")
        answer = sock.recv(64)

    assert went_on.startswith(b"HTTP/1.1 100")
    assert answer.startswith(b"HTTP/1.1 404")


def test_a_client_that_leaves_in_the_middle_changes_nothing(simulator: SimulatorThread) -> None:
    with socket.create_connection(("127.0.0.1", simulator.port), timeout=10) as sock:
        sock.sendall(b"POST /partners/a/cohorts HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\n{")

    assert simulator.wait_for(
        lambda inside: inside.stats.connections == 1 and inside.stats.connections_open == 0
    )
    assert simulator.stats()["arrivals"] == 0


def test_it_runs_inside_a_running_loop() -> None:
    async def scenario() -> tuple[int, frozenset[object]]:
        async with (
            Simulator() as simulator,
            httpx.AsyncClient(base_url=simulator.url, trust_env=False) as http,
        ):
            fields = {"cohort_id": "c", "name": "C", "created_at": "2026-01-01"}
            await http.post("/partners/acme/cohorts", json=KEYS | fields)
            changes = {"cohort_id": "c", "cohort_changes": [{"user_ids": ["u1"]}]}
            answer = await http.post("/partners/acme/cohorts/users", json=KEYS | changes)
            assert await simulator.wait_for(lambda inside: inside.workspace.has("c"))
            assert not await simulator.wait_for(lambda inside: inside.workspace.has("d"), 0.01)
        return answer.status_code, frozenset(simulator.workspace.members("c"))

    assert asyncio.run(scenario()) == (201, frozenset({"u1"}))
