"""`python -m tests.simulation`: many seeded worlds, or one with its whole trace.

    python -m tests.simulation --seeds 1000              # seeds 0 to 999, two processes
    python -m tests.simulation --seeds 500 --first 2000
    python -m tests.simulation --seed 1234 --trace       # one world, everything it did
    python -m tests.simulation --bug not_put_back        # a planted bug: which seeds catch it?

A world that breaks a guarantee is shrunk: faults are left out, then changes, time, daemons,
cohorts and partitions are taken away, as long as the same guarantee is broken. The command that
shows the smallest is printed; the options below `--seed` are what it narrows by.

Exit code 1 where a guarantee was broken; the seed is enough to see it again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.simulation.canaries import BUGS, plant
from tests.simulation.happenings import ARMS, missing
from tests.simulation.runner import Verdict, run
from tests.simulation.scenario import WHOLE, Narrowing
from tests.simulation.shrinking import told
from tests.simulation.worlds import Worlds, run_all

_SHOWN_MAX = 3


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _show(verdict: Verdict, options: argparse.Namespace) -> None:
    _say("")
    if options.no_shrink:
        _say(f"{verdict.trace}\nseed {verdict.seed} ({verdict.arm}) broke {verdict.failure}")
    else:
        _say(told(verdict, options.bug))


def _many(options: argparse.Namespace) -> int:
    started_s = time.perf_counter()
    worlds: Counter[str] = Counter()
    events: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    virtual_s = healed_in_s = 0.0
    attempts = 0
    seeds = range(options.first, options.first + options.seeds)
    for verdict in run_all(Worlds(seeds, options.arm, options.bug), options.processes):
        events.update(verdict.seen)
        worlds.update(verdict.seen.keys())
        virtual_s += verdict.virtual_s
        attempts += verdict.attempts
        healed_in_s = max(healed_in_s, verdict.healed_in_s)
        if verdict.failure:
            broken[verdict.guarantee] += 1
            if broken.total() <= _SHOWN_MAX:
                _show(verdict, options)
    took_s = time.perf_counter() - started_s
    _say(
        f"{options.seeds} worlds ({options.arm}) from seed {options.first} in {took_s:.1f} s"
        f" ({options.seeds / took_s:.0f}/s): {virtual_s / 3600:.1f} simulated hours,"
        f" {attempts} requests, longest way back after the faults {healed_in_s:.0f} s"
    )
    _say("sometimes (worlds, times):")
    for name in sorted(worlds):
        _say(f"  {name:<34} {worlds[name]:>7} {events[name]:>9}")
    return _judge(options, broken, worlds)


def _judge(options: argparse.Namespace, broken: Counter[str], worlds: Counter[str]) -> int:
    if broken:
        _say(f"BROKEN in {broken.total()} worlds: {dict(broken)}")
        return 1
    lacking = missing(worlds.keys(), options.seeds) if options.arm == "storm" else []
    if lacking:
        _say(f"never happened: {', '.join(lacking)}")
        return 1
    _say("no guarantee was broken")
    return 0


def _one(options: argparse.Namespace, narrowing: Narrowing) -> int:
    with plant(options.bug):
        verdict = run(options.seed, options.arm, narrowing, keep_trace=options.trace)
    _say(verdict.trace)
    if verdict.failure and narrowing == WHOLE and not options.no_shrink:
        _show(verdict, options)
    _say(f"{verdict.failure or 'no guarantee was broken'}; {verdict.steps} steps,"
         f" {verdict.virtual_s:.0f} simulated seconds {verdict.trace_hash}")  # fmt: skip
    return 1 if verdict.failure else 0


def _numbers(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(map(int, text.split(",")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--arm", choices=ARMS, default="storm", help="which faults there are")
    parser.add_argument("--bug", choices=sorted(BUGS), default="", help="plant a bug")
    parser.add_argument("--processes", type=int, default=2, help="of this machine")
    parser.add_argument("--no-shrink", action="store_true", help="show failures as they are")
    parser.add_argument("--seed", type=int, help="one world only")
    parser.add_argument("--trace", action="store_true", help="with --seed: show all it did")
    parser.add_argument("--only-faults", type=_numbers, metavar="N,N", help="or none")
    parser.add_argument("--changes", type=int)
    parser.add_argument("--duration", type=float, metavar="S")
    parser.add_argument("--daemons", type=int)
    parser.add_argument("--cohorts", type=int)
    parser.add_argument("--partitions", type=int)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    narrowing = Narrowing(
        options.only_faults,
        options.changes,
        options.duration,
        options.daemons,
        options.cohorts,
        options.partitions,
    )
    if options.seed is not None:
        return _one(options, narrowing)
    if narrowing != WHOLE:
        parser.error("a world is narrowed with --seed only")
    return _many(options)


if __name__ == "__main__":
    sys.exit(main())
