"""Sends requests to the simulator as a partner would, also wrong ones."""

from __future__ import annotations

import httpx

from daemon.tools.simulator import Simulator
from daemon.tools.simulator.cohorts import Arrival
from daemon.tools.simulator.request import Announcement

KEYS = {"partner_api_key": "partner-1", "client_secret": "secret-1"}
COHORTS, USERS = "/partners/acme/cohorts", "/partners/acme/cohorts/users"
SUCCESS = {"message": "success"}


class SimulatorClient:
    """Announces and updates the cohort `vip` with good keys, unless it is told otherwise.

    `fields` replace or join those of the body.
    """

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, trust_env=False)

    def announce(self, cohort: str = "vip", **fields: object) -> httpx.Response:
        body = {"cohort_id": cohort, "name": "VIP", "created_at": "2026-01-01T00:00:00.000Z"}
        return self.http.post(COHORTS, json=KEYS | body | fields)

    def update(self, *changes: object, **fields: object) -> httpx.Response:
        body = {"cohort_id": "vip", "cohort_changes": changes}
        return self.http.post(USERS, json=KEYS | body | fields)

    def add(self, *users: str, cohort: str = "vip", read_timeout_s: float = 10.0) -> httpx.Response:
        body = {"cohort_id": cohort, "cohort_changes": [{"user_ids": users}]}
        timeout = httpx.Timeout(10.0, read=read_timeout_s)
        return self.http.post(USERS, json=KEYS | body, timeout=timeout)


def begin_anew(simulator: Simulator) -> None:
    """Leave the workspace with the empty cohorts `vip` and `other`, and nothing going wrong."""
    simulator.faults.replace(())
    simulator.workspace.cohorts.clear()
    for cohort in ("vip", "other"):
        created = Announcement(cohort, cohort, "2026-01-01")
        simulator.workspace.announce(created, Arrival(0, 0.0), 0.0)
