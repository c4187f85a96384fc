"""`make bench`: what the whole daemon costs an event, beside a loop that only reads.

    python -m tests.bench [flat poisoned hot debezium] [--events N] [--rounds N] [--seed N]
    python -m tests.bench --latency [--rate N] [--seconds N] [--rounds N]
    python -m tests.bench --outage [--rate N] [--seconds N]
    python -m tests.bench --cohorts N
    python -m tests.bench --profile [workload]
    python -m tests.bench --plan [flat hot debezium] [--events N]
    python -m tests.bench --slow-braze [--events N]
    python -m tests.bench --many [--rate N] [--seconds N]
    python -m tests.bench --beside [--rate N] [--seconds N] [--events N]
    python -m tests.bench --packing

Exit code 1 when a final state at the simulator was not the fold of the log, or a promise of the
measure is broken: after an outage it catches up at 80 % of its peak, on flat memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.bench import (
    beside,
    cohorts,
    latency,
    many,
    outage,
    packing,
    planned,
    profiled,
    slow_braze,
)
from tests.bench.daemon_run import QUOTA, Setup, drain, start_cost
from tests.bench.logs import PARTITIONS, Log, kafka, new_topic, write_log
from tests.bench.measured import Measured, Usage, warm_up
from tests.bench.table import HEAD, Result, Round, machine, save, show
from tests.bench.workloads import WORKLOADS

# How a daemon meets a log: as a new group, whose barrier gathers all of it before anything leaves;
# or as one that was stopped cleanly at its beginning.
DAEMONS = {"new group": False, "resuming": True}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    parser.add_argument("--events", type=int, help="records of each log; else its own default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--requests-per-hour", type=int, default=QUOTA, help="the daemon's budget")
    parser.add_argument("--max-changes", type=int, help="the daemon's window.max_changes")
    parser.add_argument("--profile", action="store_true", help="show where the daemon's CPU goes")
    parser.add_argument("--resume", action="store_true", help="with --profile: no replay barrier")
    parser.add_argument("--latency", action="store_true", help="pace events and time each of them")
    parser.add_argument("--plan", action="store_true", help="hold `cohortd plan` against `run`")
    parser.add_argument("--packing", action="store_true", help="how requests are spent: simulated")
    parser.add_argument("--cohorts", type=int, help="start with so many names remembered")
    parser.add_argument("--outage", action="store_true", help="let Braze be away, then catch up")
    parser.add_argument("--slow-braze", action="store_true", help="drain, each answer in 300 ms")
    parser.add_argument("--many", action="store_true", help="500 cohorts on Braze's own quota")
    parser.add_argument("--beside", action="store_true", help="live cohorts beside a backlog")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second, where paced")
    parser.add_argument("--seconds", type=int, help="of pacing: 15; of an outage: 1,800")
    chosen = parser.parse_args()
    unknown = set(chosen.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"{min(unknown)}: no such workload; there are {', '.join(WORKLOADS)}")
    return chosen


def main() -> int:
    chosen = _arguments()
    if chosen.packing:
        return packing.run(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="cohortd-bench-") as name:
        folder = Path(name)
        warm_up(folder)
        with kafka(folder) as bootstrap:
            measure = _measure(chosen)
            if measure is not None:
                return measure(folder, bootstrap)
            return _drain_all(folder, bootstrap, chosen)


def _measure(chosen: argparse.Namespace) -> Callable[[Path, str], int] | None:
    """Return the one measure that was asked for by its name, if it is not draining."""
    rate, seconds, events = chosen.rate, chosen.seconds, chosen.events
    budget = chosen.requests_per_hour
    measures: dict[str, Callable[[Path, str], int]] = {
        "latency": lambda at, to: latency.run(at, to, rate, seconds or 15, chosen.rounds),
        "slow_braze": lambda at, to: slow_braze.run(at, to, events or 1_000_000, chosen.seed),
        "many": lambda at, to: many.run(at, to, rate, seconds or 90),
        "beside": lambda at, to: beside.run(at, to, rate, seconds or 30, events or 10_000_000),
        "cohorts": lambda at, to: cohorts.run(at, to, chosen.cohorts),
        "outage": lambda at, to: outage.run(at, to, rate, seconds or 1_800),
        "plan": lambda at, to: planned.run(
            Setup(at, to, "", {}, requests_per_hour=budget),
            chosen.workloads or list(WORKLOADS),
            events,
            chosen.seed,
        ),
    }
    return next((run for name, run in measures.items() if getattr(chosen, name)), None)


def _drain_all(folder: Path, bootstrap: str, chosen: argparse.Namespace) -> int:
    results: list[Result] = []
    names = chosen.workloads or (["flat"] if chosen.profile else list(WORKLOADS))
    print(*(f"{key}: {value}" for key, value in machine().items()), sep=", ")
    setup = Setup(
        folder,
        bootstrap,
        "",
        {},
        max_changes=chosen.max_changes,
        requests_per_hour=chosen.requests_per_hour,
    )
    start_cost(setup)  # Compiles what the commands import late, and wakes the broker's parts.
    if not chosen.profile:
        bare_start, daemon_start = _start_costs(setup, chosen.rounds)
        print(f"start and end alone: {bare_start.cpu_s:.2f} CPU-s bare,", end=" ")
        print(f"{daemon_start.cpu_s:.2f} the daemon, {daemon_start.peak_mb:.0f} MB", flush=True)
    for name in names:
        workload = WORKLOADS[name]
        log = write_log(bootstrap, workload, chosen.events or workload.events, chosen.seed)
        print(f"{name}: {log.records} records, {log.members_in_all} members", flush=True)
        own = replace(setup, input=workload.input(log.topic))
        if chosen.profile:
            profiled.show(own, log, resume=chosen.resume)
            continue
        rounds = [_round(own, log) for _ in range(chosen.rounds)]
        results.append(Result(log, rounds, bare_start, daemon_start))
        print(show(HEAD, results[-1].rows()), flush=True)
    if chosen.profile:
        return 0
    print("\n" + show(HEAD, [row for result in results for row in result.rows()]))
    print(f"saved: {save('drain', {'results': [each.as_json() for each in results]})}")
    failures = [failure for result in results for failure in result.failures]
    for failure in failures:
        print(f"NOT EXACT: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _start_costs(setup: Setup, rounds: int) -> tuple[Usage, Usage]:
    """Return the median cost of a bare loop and of a daemon that have nothing to do."""
    empty = new_topic(setup.bootstrap)
    bare, daemon = [], []
    for _ in range(rounds):
        bare.append(_consume(setup, "count", empty, 0, 0))
        daemon.append(start_cost(setup))
    return _median(bare), _median(daemon)


def _median(usages: list[Usage]) -> Usage:
    return Usage(
        statistics.median(usage.cpu_s for usage in usages),
        statistics.median(usage.wall_s for usage in usages),
        statistics.median(usage.peak_mb for usage in usages),
    )


def _round(setup: Setup, log: Log) -> Round:
    members = log.members_in_all
    bare = _consume(setup, "count", log.topic, log.records, members)
    decode = _consume(setup, log.workload.format, log.topic, log.records, members)
    daemons = {name: drain(setup, log, resume=resume) for name, resume in DAEMONS.items()}
    return Round(bare, decode, daemons)


def _consume(setup: Setup, mode: str, topic: str, records: int, members: int) -> Usage:
    counts = (str(number) for number in (PARTITIONS, records, members))
    arguments = ["-m", "tests.bench.consume", mode, setup.bootstrap, topic, *counts]
    with Measured(arguments, setup.folder / "consume.log") as child:
        return child.ended()


if __name__ == "__main__":
    sys.exit(main())
