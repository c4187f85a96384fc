"""The whole daemon against the simulator, both as processes of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from daemon.config.settings import load
from tests.bench.logs import Log, begin_at_zero, committed, new_topic
from tests.bench.measured import Measured, Usage
from tests.support.topics import unique

DRAIN_S_MAX = 120.0

# Far over Braze's 250,000, so that CPU is measured and not the quota.
QUOTA = 10_000_000


@dataclass(frozen=True, slots=True)
class Drained:
    """How one daemon drained one log."""

    usage: Usage  # `wall_s` ends when the simulator has everything.
    requests: int  # Of members; announcements are `announced`.
    announced: int
    exact: bool
    why: str = ""


class Braze:
    """The shipped simulator in a process whose cost nobody counts."""

    def __init__(self, folder: Path, faults: Sequence[str] = (), quota: int = QUOTA) -> None:
        arguments = ["-m", "daemon", "simulator", "--port", "0", "--quota", str(quota)]
        for fault in faults:
            arguments += ["--fault", fault]
        self._child = Measured(arguments, folder / f"{unique('simulator')}.log")
        try:
            self._child.wait_for_line("ready at ")
        except BaseException:
            self._child.__exit__()
            raise
        found = re.search(r"ready at (\S+)", self._child.output)
        assert found is not None
        self.url = found[1]
        self._http = httpx.Client(base_url=self.url, trust_env=False, timeout=300.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._child.__exit__()

    def get(self, path: str) -> Any:  # noqa: ANN401  JSON.
        return self._http.get(f"/_sim/{path}").raise_for_status().json()

    def logged(self, log: str, since: int = 0) -> Iterator[dict[str, Any]]:
        """Yield every request of a log, `history` or `requests`, from a number on, page by page."""
        while True:
            page = self.get(f"{log}?since={since}")
            assert not page.get("dropped"), "the simulator has forgotten the beginning"
            if not page["requests"]:
                return
            yield from page["requests"]
            since = page["next"]

    def set_faults(self, *specs: str) -> None:
        self._http.post("/_sim/faults", json={"faults": specs}).raise_for_status()

    def limit_quota(self, limit: int, remaining: int) -> None:
        document = {"limit": limit, "remaining": remaining}
        self._http.post("/_sim/quota", json=document).raise_for_status()

    def counts(self) -> dict[str, int]:
        cohorts = self.get("cohorts?members=false")["cohorts"]
        return {name: cohort["count"] for name, cohort in cohorts.items()}

    def members(self) -> dict[str, set[str]]:
        cohorts = self.get("cohorts")["cohorts"]
        return {
            name: set(cohort["members"].get("user_ids", ())) for name, cohort in cohorts.items()
        }

    def holds(self, wanted: dict[str, set[str]]) -> bool:
        """Tell whether the memberships are these: the cheap question first."""
        if self.counts() != {name: len(members) for name, members in wanted.items()}:
            return False
        return self.members() == wanted


@dataclass(frozen=True, slots=True)
class Setup:
    """What one daemon is started with."""

    folder: Path
    bootstrap: str
    braze_url: str
    input: dict[str, object]
    max_age: str = "1s"
    max_changes: int | None = None  # Of a window; None is the daemon's own default.
    pending_max: int | None = None  # `memory.max_pending_changes`; None likewise.
    names_topic: str | None = None
    requests_per_hour: int = QUOTA
    reserve: float = 0.0
    registry_url: str | None = None  # For logs in Avro.

    @property
    def topic(self) -> str:
        return str(self.input["topic"])


def new_group(setup: Setup, *, resume: bool) -> tuple[str, Path]:
    """Return a group nobody has used and its configuration; it stands at 0 to `resume` there."""
    group = unique("bench")
    file = setup.folder / f"{group}.yaml"
    file.write_text(yaml.safe_dump(_document(setup, group)))
    if resume:
        begin_at_zero(setup.bootstrap, group, setup.topic, load([file], {}).fingerprint)
    return group, file


def _document(setup: Setup, group: str) -> dict[str, Any]:
    window: dict[str, Any] = {"max_age": setup.max_age}
    if setup.max_changes is not None:
        window["max_changes"] = setup.max_changes
    memory = {} if setup.pending_max is None else {"max_pending_changes": setup.pending_max}
    is_avro = setup.input.get("encoding") == "avro"
    registry = {"schema_registry": {"url": setup.registry_url}} if is_avro else {}
    return {
        **registry,
        "memory": memory,
        "cohorts": {"names_topic": setup.names_topic},
        "kafka": {"bootstrap_servers": setup.bootstrap, "group_id": group},
        "inputs": [setup.input],
        "start": "earliest",
        "braze": {
            "endpoint": setup.braze_url,
            "partner": "bench",
            "partner_api_key": "partner-key",
            "data_import_key": "import-key",
        },
        "window": window,
        "delivery": {
            "requests_per_hour": setup.requests_per_hour,
            "reserve": setup.reserve,
        },
        "dead_letter": {"topic": new_topic(setup.bootstrap)},
        "admin": {"host": "127.0.0.1", "port": 0},
    }


class Daemon:
    """`cohortd run` as a measured child, with a group of its own or as one more of a group."""

    def __init__(
        self,
        setup: Setup,
        *,
        resume: bool = False,
        wrapped: Sequence[str | Path] = (),
        beside: Daemon | None = None,
    ) -> None:
        self.setup = setup
        group, file = (beside.group, beside.file) if beside else new_group(setup, resume=resume)
        self.group: str = group
        self.file: Path = file
        arguments = [*(wrapped or ("-m", "daemon")), "run", "-c", self.file]
        self.child = Measured(arguments, setup.folder / f"{unique(self.group)}.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.__exit__()

    def wait_until_ready(self) -> None:
        self.child.wait_for("ready", self._is_ready, 60.0)

    def _is_ready(self) -> bool:
        lines = [line for line in self.child.output.splitlines() if '"ready_changed"' in line]
        return bool(lines) and bool(json.loads(lines[-1]).get("ready"))


def drain(setup: Setup, log: Log, *, resume: bool, wrapped: Sequence[str | Path] = ()) -> Drained:
    """Let a daemon drain a log and stop it; say what it cost and whether all is right.

    `resume`: the group stopped cleanly at the log's beginning. Else it is new, and its replay
    barrier lets nothing leave before the whole log is gathered.
    """
    with Braze(setup.folder) as braze:
        setup = replace(setup, braze_url=braze.url)
        with Daemon(setup, resume=resume, wrapped=wrapped) as daemon:
            try:
                daemon.child.wait_for("drain", lambda: braze.holds(log.members), DRAIN_S_MAX)
                wall_s = daemon.child.age_s
                usage = replace(daemon.child.stop(), wall_s=wall_s)
            except AssertionError as failed:
                return Drained(Usage(0, 0, 0), 0, 0, exact=False, why=str(failed))
        stats = braze.get("stats")
        wrong = {name: count for name, count in stats["violations"].items() if count}
        done = committed(setup.bootstrap, daemon.group, log.topic)
        why = ""
        if braze.members() != log.members:
            why = "the memberships at the end are not the fold of the log"
        elif done != log.records:
            why = f"committed {done} of {log.records} records"
        elif wrong:
            why = f"broke Braze's contract: {wrong}"
    requests = {name: sum(counts.values()) for name, counts in stats["requests"].items()}
    return Drained(usage, requests["users"], requests["cohorts"], exact=not why, why=why)


def start_cost(setup: Setup) -> Usage:
    """Return what a daemon costs that finds nothing to do: its start and its end."""
    with Braze(setup.folder) as braze:
        empty = new_topic(setup.bootstrap)
        setup = replace(setup, braze_url=braze.url, input={"topic": empty})
        with Daemon(setup, resume=False) as daemon:
            daemon.wait_until_ready()
            return daemon.child.stop()
