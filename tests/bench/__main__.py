"""`make bench`: what the whole daemon costs an event, beside a loop that only reads.

    python -m tests.bench [flat poisoned hot debezium avro] [--events N] [--rounds N] [--seed N]
    python -m tests.bench --compare tests/bench/base.json | --save-base
    python -m tests.bench --latency [--rate N] [--seconds N] [--rounds N]
    python -m tests.bench --outage [--rate N] [--seconds N]
    python -m tests.bench --soak [--rate N] [--seconds N]
    python -m tests.bench --cohorts N
    python -m tests.bench --profile [workload]
    python -m tests.bench --plan [flat hot debezium avro] [--events N]
    python -m tests.bench --slow-braze [--events N]
    python -m tests.bench --many [--rate N] [--seconds N]
    python -m tests.bench --beside [--rate N] [--seconds N] [--events N]
    python -m tests.bench --packing
    python -m tests.bench --turns
    python -m tests.bench --memory [--members N]
    python -m tests.bench --scaling [--events N] [--rounds N]

Exit code 1 when a final state at the simulator was not the fold of the log, or a promise of the
measure is broken: after an outage it catches up at 80 % of its peak, on flat memory; a pending
change costs at most 130 bytes; no ratio is worse than that of the base it is compared with.
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
    base,
    beside,
    cohorts,
    drain_plot,
    latency,
    many,
    memory,
    outage,
    packing,
    planned,
    profiled,
    scaling,
    slow_braze,
    soak,
    turns,
)
from tests.bench.avro_events import SCHEMA_ID, schema
from tests.bench.daemon_run import QUOTA, Setup, drain, start_cost
from tests.bench.logs import PARTITIONS, Log, kafka, new_topic, write_log
from tests.bench.measured import Measured, Usage, warm_up
from tests.bench.table import HEAD, Result, Round, machine, save, show
from tests.bench.workloads import WORKLOADS
from tests.support.registry import Serving, SmallRegistry

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
    parser.add_argument("--compare", type=Path, metavar="BASE", help="hold ratios against a base")
    parser.add_argument("--save-base", action="store_true", help=f"write {base.FILE.name} anew")
    parser.add_argument("--profile", action="store_true", help="show where the daemon's CPU goes")
    parser.add_argument("--resume", action="store_true", help="with --profile: no replay barrier")
    parser.add_argument("--latency", action="store_true", help="pace events and time each of them")
    parser.add_argument("--plan", action="store_true", help="hold `cohortd plan` against `run`")
    parser.add_argument("--turns", action="store_true", help="other parts for large cohorts")
    parser.add_argument("--packing", action="store_true", help="how requests are spent: simulated")
    parser.add_argument("--memory", action="store_true", help="bytes that a pending member takes")
    parser.add_argument("--scaling", action="store_true", help="1, 2 and 4 processes, one log")
    parser.add_argument("--members", type=int, default=memory.MEMBERS, help="with --memory")
    parser.add_argument("--cohorts", type=int, help="start with so many names remembered")
    parser.add_argument("--outage", action="store_true", help="let Braze be away, then catch up")
    parser.add_argument("--soak", action="store_true", help="whether memory grows under a load")
    parser.add_argument("--slow-braze", action="store_true", help="drain, each answer in 300 ms")
    parser.add_argument("--many", action="store_true", help="500 cohorts on Braze's own quota")
    parser.add_argument("--beside", action="store_true", help="live cohorts beside a backlog")
    parser.add_argument("--rate", type=int, default=5_000, help="events a second, where paced")
    parser.add_argument("--seconds", type=int, help="of pacing: 15; of an outage or soak: 1,800")
    chosen = parser.parse_args()
    if chosen.compare:
        base.load(chosen.compare)  # Before minutes are spent.
    unknown = set(chosen.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"{min(unknown)}: no such workload; there are {', '.join(WORKLOADS)}")
    return chosen


def main() -> int:
    chosen = _arguments()
    if chosen.turns:
        return turns.run(chosen.seed)
    if chosen.packing:
        return packing.run(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="cohortd-bench-") as name:
        folder = Path(name)
        warm_up(folder)
        if chosen.memory:
            return memory.run(folder, chosen.members)
        registry = SmallRegistry()
        registry.add(SCHEMA_ID, schema())
        with kafka(folder) as bootstrap, Serving(registry):
            return _measure(chosen)(_setup(folder, bootstrap, registry.url, chosen))


def _measure(chosen: argparse.Namespace) -> Callable[[Setup], int]:
    """Return the measure that was asked for by its name; draining, if none was."""
    rate, seconds, events = chosen.rate, chosen.seconds, chosen.events
    names, seed, rounds = chosen.workloads or list(WORKLOADS), chosen.seed, chosen.rounds
    measures: dict[str, Callable[[Setup], int]] = {
        "latency": lambda s: latency.run(s.folder, s.bootstrap, rate, seconds or 15, rounds),
        "slow_braze": lambda s: slow_braze.run(s.folder, s.bootstrap, events or 1_000_000, seed),
        "many": lambda s: many.run(s.folder, s.bootstrap, rate, seconds or 90),
        "beside": lambda s: beside.run(
            s.folder, s.bootstrap, rate, seconds or 30, events or 10_000_000
        ),
        "cohorts": lambda s: cohorts.run(s.folder, s.bootstrap, chosen.cohorts),
        "outage": lambda s: outage.run(s.folder, s.bootstrap, rate, seconds or 1_800),
        "soak": lambda s: soak.run(s, rate, seconds or 1_800),
        "scaling": lambda s: scaling.run(s, events, rounds, seed),
        "plan": lambda s: planned.run(s, names, events, seed),
    }
    asked = (run for name, run in measures.items() if getattr(chosen, name))
    return next(asked, lambda s: _drain_all(s, chosen))


def _setup(folder: Path, bootstrap: str, registry: str, chosen: argparse.Namespace) -> Setup:
    return Setup(
        folder,
        bootstrap,
        "",
        {},
        max_changes=chosen.max_changes,
        requests_per_hour=chosen.requests_per_hour,
        registry_url=registry,
    )


def _drain_all(setup: Setup, chosen: argparse.Namespace) -> int:
    results: list[Result] = []
    names = chosen.workloads or (["flat"] if chosen.profile else list(WORKLOADS))
    print(*(f"{key}: {value}" for key, value in machine().items()), sep=", ")
    start_cost(setup)  # Compiles what the commands import late, and wakes the broker's parts.
    if not chosen.profile:
        bare_start, daemon_start = _start_costs(setup, chosen.rounds)
        print(f"start and end alone: {bare_start.cpu_s:.2f} CPU-s bare,", end=" ")
        print(f"{daemon_start.cpu_s:.2f} the daemon, {daemon_start.peak_mb:.0f} MB", flush=True)
    for name in names:
        workload = WORKLOADS[name]
        log = write_log(setup.bootstrap, workload, chosen.events or workload.events, chosen.seed)
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
    worse = _beside_base(base.measures([each.as_json() for each in results]), chosen)
    return 1 if failures or worse else 0


def _beside_base(now: dict[str, base.Measure], chosen: argparse.Namespace) -> int:
    if chosen.save_base:
        print(f"base: {base.save(now, machine())}, plot: {drain_plot.plot(base.for_plot(now))}")
    return base.judge(now, base.load(chosen.compare)) if chosen.compare else 0


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
    decode = _consume(setup, log.workload.decoding, log.topic, log.records, members)
    daemons = {name: drain(setup, log, resume=resume) for name, resume in DAEMONS.items()}
    return Round(bare, decode, daemons)


def _consume(setup: Setup, mode: str, topic: str, records: int, members: int) -> Usage:
    counts = (str(number) for number in (PARTITIONS, records, members))
    arguments = ["-m", "tests.bench.consume", mode, setup.bootstrap, topic, *counts]
    with Measured(arguments, setup.folder / "consume.log") as child:
        return child.ended()


if __name__ == "__main__":
    sys.exit(main())
