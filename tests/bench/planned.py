"""`cohortd plan` on a log, held against what `cohortd run` then does with the same log.

The last change of each member must be the same, and the requests nearly so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from tests.bench.daemon_run import DRAIN_S_MAX, Braze, Daemon, Setup, new_group
from tests.bench.logs import Log, write_log
from tests.bench.measured import Measured, Usage
from tests.bench.table import machine, save, show
from tests.bench.workloads import WORKLOADS

EVENTS = 1_000_000
HEAD = ("workload", "records", "group", "plan s", "CPU-s", "RSS MB", "planned", "run", "x", "same")

Last: TypeAlias = dict[tuple[str, str], bool]


@dataclass(frozen=True, slots=True)
class Compared:
    """One plan beside one run; `requests` are those that name members."""

    log: Log
    group: str
    usage: Usage
    planned: int
    ran: int
    differing: int  # Members of which plan and run disagree.

    def row(self) -> list[str]:
        usage = self.usage
        return [
            self.log.workload.name,
            f"{self.log.records}",
            self.group,
            f"{usage.wall_s:.2f}",
            f"{usage.cpu_s:.2f}",
            f"{usage.peak_mb:.0f}",
            f"{self.planned}",
            f"{self.ran}",
            f"{self.ran / self.planned:.2f}",
            "yes" if not self.differing else f"NO: {self.differing}",
        ]


def run(setup: Setup, names: Sequence[str], events: int | None, seed: int) -> int:
    """Compare for each workload and kind of group; 1 where a last change differs."""
    print(*(f"{key}: {value}" for key, value in machine().items()), sep=", ")
    results: list[Compared] = []
    for name in names:
        workload = WORKLOADS[name]
        log = write_log(setup.bootstrap, workload, events or EVENTS, seed)
        own = replace(setup, input=workload.input(log.topic))
        for group, resume in (("new", False), ("resuming", True)):
            results.append(_compare(own, log, group, resume=resume))
            print(show(HEAD, [results[-1].row()]), flush=True)
    rows = [result.row() for result in results]
    print("\n" + show(HEAD, rows))
    print(f"saved: {save('plan', {'head': HEAD, 'rows': rows})}")
    wrong = [result for result in results if result.differing]
    for result in wrong:
        print(f"NOT THE SAME: {result.row()}", file=sys.stderr)
    return 1 if wrong else 0


def _compare(setup: Setup, log: Log, group: str, *, resume: bool) -> Compared:
    with Braze(setup.folder) as braze:
        setup = replace(setup, braze_url=braze.url)
        _, file = new_group(setup, resume=resume)
        document, usage = _plan(file)
        planned, _ = _plan(file, "--show-ids")
        with Daemon(setup, resume=resume) as daemon:
            daemon.child.wait_for("drain", lambda: braze.holds(log.members), DRAIN_S_MAX)
            daemon.child.stop()
        ran = braze.get("stats")["requests"]["users"]
        last = _delivered(braze)
    wanted = _last_of(planned["cohorts"])
    differing = sum(wanted.get(key) != last.get(key) for key in wanted.keys() | last.keys())
    requests = document["requests"] - document["announcements"]
    return Compared(log, group, usage, requests, sum(ran.values()), differing)


def _plan(file: Path, *more: str) -> tuple[Any, Usage]:
    arguments: list[str | Path] = ["-m", "daemon", "plan", "-c", file, "--format", "json", *more]
    with Measured(arguments, file.with_suffix(f".{len(more)}.json")) as child:
        usage = child.ended()
        text = child.output
    return json.loads(text[text.index("{\n") :]), usage  # Progress may stand before it.


def _last_of(cohorts: Iterable[dict[str, Any]]) -> Last:
    return {
        (cohort["cohort_id"], who["external_id"]): add
        for cohort in cohorts
        for key, add in (("add_ids", True), ("remove_ids", False))
        for who in cohort[key]
    }


def _delivered(braze: Braze) -> Last:
    """Return the last change of each member that was applied."""
    last: Last = {}
    for request in braze.logged("history"):
        for key, add in (("adds", True), ("removes", False)):
            for user in request.get(key, {}).get("user_ids", ()):
                last[request["cohort"], user] = add
    return last
