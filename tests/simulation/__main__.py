"""`python -m tests.simulation`: many seeded worlds, or one with its whole trace.

    python -m tests.simulation --seeds 1000              # seeds 0 to 999, all processors
    python -m tests.simulation --seeds 500 --first 2000
    python -m tests.simulation --seed 1234 --trace       # one world, everything it did
    python -m tests.simulation --bug no_put_back         # a planted bug: which seeds catch it?

Exit code 1 where a guarantee was broken; the seed is enough to see it again.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.canaries import BUGS, plant, run_planted
from tests.simulation.happenings import ARMS, missing
from tests.simulation.runner import Verdict, run

_SHOWN_MAX = 3
_CHUNK = 20


def _all(options: argparse.Namespace) -> Iterator[Verdict]:
    seeds = range(options.first, options.first + options.seeds)
    one = functools.partial(run_planted, arm=options.arm, bug=options.bug)
    if options.processes == 1:
        yield from map(one, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        yield from pool.imap_unordered(one, seeds, _CHUNK)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _show(verdict: Verdict) -> None:
    _say(f"\nseed {verdict.seed} ({verdict.arm}) broke {verdict.failure}")
    _say(verdict.trace)
    again = f"--seed {verdict.seed} --arm {verdict.arm} --trace"
    _say(f"see it again: python -m tests.simulation {again}")


def _many(options: argparse.Namespace) -> int:
    started_s = time.perf_counter()
    worlds: Counter[str] = Counter()
    events: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    virtual_s = healed_in_s = 0.0
    attempts = 0
    for verdict in _all(options):
        events.update(verdict.seen)
        worlds.update(verdict.seen.keys())
        virtual_s += verdict.virtual_s
        attempts += verdict.attempts
        healed_in_s = max(healed_in_s, verdict.healed_in_s)
        if verdict.failure:
            broken[verdict.guarantee] += 1
            if broken.total() <= _SHOWN_MAX:
                _show(verdict)
    took_s = time.perf_counter() - started_s
    _say(
        f"{options.seeds} worlds ({options.arm}) from seed {options.first} in {took_s:.1f} s"
        f" ({options.seeds / took_s:.0f}/s): {virtual_s / 3600:.1f} simulated hours,"
        f" {attempts} requests, longest way back after the faults {healed_in_s:.0f} s"
    )
    _say("sometimes (worlds, times):")
    for name in sorted(worlds):
        _say(f"  {name:<34} {worlds[name]:>7} {events[name]:>9}")
    lacking = missing(worlds.keys(), options.seeds) if options.arm == "storm" else []
    if lacking and not options.bug:
        _say(f"never happened: {', '.join(lacking)}")
        return 1
    if broken:
        _say(f"BROKEN in {broken.total()} worlds: {dict(broken)}")
        return 1
    _say("no guarantee was broken")
    return 0


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one world only")
    parser.add_argument("--trace", action="store_true", help="with --seed: show all it did")
    parser.add_argument("--arm", choices=ARMS, default="storm", help="which faults there are")
    parser.add_argument("--bug", choices=sorted(BUGS), default="", help="plant a bug")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.seed is None:
        return _many(options)
    with plant(options.bug):
        verdict = run(options.seed, options.arm, keep_trace=options.trace)
    _say(verdict.trace)
    _say(f"{verdict.failure or 'no guarantee was broken'}; {verdict.steps} steps,"
         f" {verdict.virtual_s:.0f} simulated seconds {verdict.trace_hash}")  # fmt: skip
    return 1 if verdict.failure else 0


if __name__ == "__main__":
    sys.exit(main())
