"""From a record that can't be used to whoever is paged: Prometheus and Alertmanager, for real."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support.processes import Child, free_port, wait_until
from tests.support.tools import debian_tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stage import Stage

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "cohortd.rules.yml"
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Pager:
    """A webhook that keeps the alerts it is sent."""

    def __init__(self) -> None:
        self.alerts: list[dict[str, Any]] = []
        alerts = self.alerts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                alerts.extend(json.loads(body)["alerts"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def pager() -> Iterator[Pager]:
    pager = Pager()
    yield pager
    pager.close()


def _alertmanager(folder: Path, pager: Pager, port: int) -> Child:
    config = folder / "alertmanager.yml"
    hook = {"name": "pager", "webhook_configs": [{"url": pager.url}]}
    route = {"receiver": "pager", "group_wait": "0s", "group_interval": "1s"}
    config.write_text(yaml.safe_dump({"route": route, "receivers": [hook]}))
    return Child(
        [
            debian_tool("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        folder / "alertmanager.log",
    )


def _prometheus(folder: Path, daemon: int, alertmanager: int, port: int) -> Child:
    config = folder / "prometheus.yml"

    def at(number: int) -> list[object]:
        return [{"targets": [f"127.0.0.1:{number}"]}]

    document = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "cohortd", "static_configs": at(daemon)}],
        "alerting": {"alertmanagers": [{"static_configs": at(alertmanager)}]},
    }
    config.write_text(yaml.safe_dump(document))
    return Child(
        [
            debian_tool("prometheus", "prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        folder / "prometheus.log",
    )


def _ask(port: int, query: str) -> list[Any]:
    where = urllib.parse.urlencode({"query": query})
    try:
        with _http.open(f"http://127.0.0.1:{port}/api/v1/query?{where}", timeout=5) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
    except OSError:
        return []  # It is still starting.
    return found


def test_a_dead_letter_reaches_the_pager(stage: Stage, pager: Pager, tmp_path: Path) -> None:
    daemon = stage.start()
    daemon.wait_until_assigned(1)
    alertmanager_port, port = free_port(), free_port()
    with (
        _alertmanager(tmp_path, pager, alertmanager_port),
        _prometheus(tmp_path, daemon.port, alertmanager_port, port),
    ):
        known = 'cohortd_dead_letters_total{reason="invalid_json"}'
        wait_until("it is scraped before", lambda: _ask(port, known))
        stage.produce(b"no json")

        def paged() -> list[dict[str, Any]]:
            return [a for a in pager.alerts if a["labels"]["alertname"] == "CohortdDeadLetters"]

        alert = wait_until("the alert is at the pager", paged)[0]

    assert alert["status"] == "firing"
    assert alert["labels"]["reason"] == "invalid_json"
    assert alert["labels"]["severity"] == "warning"
    assert alert["annotations"]["runbook_url"] == "docs/runbooks/CohortdDeadLetters.md"
    assert daemon.terminate() == 0
