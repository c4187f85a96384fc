from __future__ import annotations

import json
import re
import signal
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from daemon.admin import AdminPages, AdminServer
from daemon.errors import CohortdError
from daemon.page import content_policy
from daemon.status import Board, CohortView, DaemonView, DeliveryView
from tests.support.admin import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

PATHS = ("/", "/metrics", "/livez", "/healthz", "/readyz", "/status")
WRITING = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def unserved() -> ASGIApp:
    board = Board(DaemonView("0.1.0", "acme", "3f9c", "g", 0.0), 0.0)
    return AdminPages(board, CollectorRegistry()).app()


@pytest.fixture(scope="module")
def shared() -> Iterator[Served]:
    made = Served()
    yield made
    assert made.server.stop()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    assert made.server.stop()


@pytest.mark.parametrize("path", PATHS)
def test_each_path_answers_get_and_head_and_nothing_else(shared: Served, path: str) -> None:
    status, headers, body = shared.ask(path)
    head_status, head_headers, head_body = shared.ask(path, "HEAD")
    refused = {method: shared.ask(path, method)[0] for method in WRITING}

    assert (status, head_status) == (200, 200)
    assert body
    assert head_body == ""
    assert head_headers["content-type"] == headers["content-type"]
    assert refused == dict.fromkeys(WRITING, 405)


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/status/x", "/..%2f..%2fetc/passwd"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_other_path_is_unknown(shared: Served, path: str, method: str) -> None:
    assert shared.ask(path, method)[0] == 404


@pytest.mark.parametrize("path", [*PATHS, "/nothing"])
def test_every_answer_has_the_security_headers(shared: Served, path: str) -> None:
    _, headers, _ = shared.ask(path)

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "server" not in headers


def test_metrics_are_prometheus_text_unless_openmetrics_is_asked_for(shared: Served) -> None:
    shared.metrics.delivered('quo"ted\n', 2, 1)

    _, plain_headers, plain = shared.ask("/metrics")
    _, open_headers, opened = shared.ask(
        "/metrics", accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    )
    odd_status, _, _ = shared.ask("/metrics", accept="application/openmetrics-text;version=x;;=")

    assert plain_headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'cohortd_changes_delivered_total{cohort="quo\\"ted\\\\n",op="add"} 2.0' in plain
    assert open_headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.endswith("# EOF\n")
    assert list(text_string_to_metric_families(opened))  # type: ignore[no-untyped-call]
    assert odd_status == 200


def test_probes_follow_the_board(served: Served) -> None:
    before = (served.ask("/livez")[0], served.ask("/readyz")[0])

    served.board.publish_delivery(DeliveryView(blocked={"client_secret": "401"}), served.now_s)
    refused = (served.ask("/livez")[0], served.ask("/readyz")[0])
    served.now_s += 60
    stuck = (served.ask("/livez")[0], served.ask("/healthz")[0])

    assert before == (200, 200)
    assert refused == (200, 503)
    assert stuck == (503, 503)


def test_a_probe_names_each_check(shared: Served) -> None:
    live, ready = json.loads(shared.ask("/livez")[2]), json.loads(shared.ask("/readyz")[2])

    assert set(live["checks"]) == {"intake_loop", "delivery_loop"}
    assert set(ready["checks"]) == {"configuration", "group", "braze", "running"}
    assert all(set(check) == {"ok", "detail"} for check in ready["checks"].values())


def test_status_is_json_with_hostile_cohorts_escaped(served: Served) -> None:
    cohort = CohortView("</script><script>alert(1)</script>", "\x1b[31m\nred")
    served.board.publish_delivery(DeliveryView(cohorts=(cohort,)), served.now_s)

    _, headers, text = served.ask("/status")

    assert headers["content-type"] == "application/json"
    assert json.loads(text)["cohorts"][0]["name"] == "\\x1b[31m\\nred"


def test_the_page_needs_nothing_from_elsewhere_and_puts_no_value_in_as_markup(
    shared: Served,
) -> None:
    _, headers, page = shared.ask("/")

    assert headers["content-security-policy"] == content_policy(page)
    assert len(re.findall(r"'sha256-[^']+'", headers["content-security-policy"])) == 2
    assert not re.search(r"https?://|//\w|\b(src|onclick|onload|style)=", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page)
    assert "prefers-color-scheme: dark" in page
    assert "<style></style>" not in page


def test_the_port_that_was_found_is_returned_and_free_again_after_stop() -> None:
    served = Served()
    port = served.port

    stopped = served.server.stop()

    assert port > 0
    assert stopped
    assert not served.server.alive
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_port_in_use_is_one_readable_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CohortdError) as caught:
            AdminServer("127.0.0.1", port, unserved()).start()

    assert str(caught.value) == (
        f"admin.port: can't listen on 127.0.0.1:{port} (address already in use); stop what uses"
        " the port, or set another one (0 takes any free one)"
    )


def test_it_stops_without_waiting_for_the_next_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.admin._DATE_S", 60.0)
    served = Served()
    served.ask("/livez")

    assert served.server.stop()


def test_an_address_that_is_not_ours_is_one_readable_line() -> None:
    with pytest.raises(CohortdError, match=r"^admin\.(host|port): .*192\.0\.2\.1"):
        AdminServer("192.0.2.1", 0, unserved()).start()


def test_signals_stay_with_the_process() -> None:
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    served = Served()

    served.ask("/livez")

    assert {name: signal.getsignal(name) for name in before} == before
    assert served.server.stop()


def test_a_slow_client_delays_no_probe(shared: Served) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=5) as slow:
        slow.sendall(b"GET /metrics HT")

        statuses = [shared.ask("/livez")[0] for _ in range(5)]

    assert statuses == [200] * 5


def test_many_at_once_are_all_answered(shared: Served) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(shared.ask("/metrics")[0]))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 16
