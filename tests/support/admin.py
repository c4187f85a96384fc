"""An admin port with a board that a test pins its own views up on."""

from __future__ import annotations

import http.client
import time

from prometheus_client import CollectorRegistry

from daemon.admin import AdminPages, AdminServer
from daemon.metrics import CohortLabels, Metrics
from daemon.status import Board, DaemonView, IntakeView


class Served:
    """A running admin port, its board and its clock, which stands still unless it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, CohortLabels([], 10))
        self.board = Board(DaemonView("0.1.0", "acme", "3f9c", "g", time.time()), self.now_s)
        self.board.publish_intake(IntakeView("assigned"), self.now_s)
        pages = AdminPages(self.board, self.registry, clock=lambda: self.now_s)
        self.server = AdminServer("127.0.0.1", 0, pages.app())
        self.port = self.server.start()

    def ask(
        self, path: str, method: str = "GET", accept: str = "*/*"
    ) -> tuple[int, dict[str, str], str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={"accept": accept})
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, headers, answer.read().decode()
        finally:
            connection.close()
