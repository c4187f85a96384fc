"""`python -m tests.simulation.canary_search`: look for every planted bug afresh.

    make canaries                                   # all, each in its first 2,000 worlds
    make canaries ARGS="wait_skipped --seeds 500"   # one of them
    make canaries ARGS=--write                      # and record where each was caught first

Exit code 1 where a bug is not caught, or under a wrong name. A change of the daemon or of the
simulation draws other chances from the same seeds: then the seeds are recorded anew.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.canaries import BUGS, is_caught, run_planted
from tests.simulation.recorded import RECORDED

# In CI a bug is looked for this far around its recorded seed.
AROUND = 20

_SAID_MAX = 70
_FILE = Path(__file__).with_name("recorded.py")
_HEAD = '''"""Where each planted bug was caught first: written by `make canaries ARGS=--write`."""

from __future__ import annotations

RECORDED: dict[str, int] = {
'''


@dataclass(frozen=True, slots=True)
class Catch:
    """Where a bug was caught first, None for nowhere; what was said; how often around there."""

    bug: str
    seed: int | None
    said: str = ""
    right: bool = False
    around: int = 0


def window(seed: int) -> range:
    """Return the seeds around one, as CI runs them."""
    return range(max(0, seed - AROUND), seed + AROUND + 1)


def search(bug: str, seeds: int) -> Catch:
    """Run worlds from seed 0 on until one shows the bug."""
    arm = BUGS[bug].arm
    for seed in range(seeds):
        verdict = run_planted(seed, arm, bug)
        if verdict.failure:
            ahead = range(seed + 1, seed + AROUND + 1)
            around = sum(bool(run_planted(other, arm, bug).failure) for other in ahead)
            said = verdict.failure.splitlines()[0][:_SAID_MAX]
            return Catch(bug, seed, said, is_caught(bug, verdict), around + 1)
    return Catch(bug, None)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _row(catch: Catch) -> str:
    if catch.seed is None:
        return f"{catch.bug:<34} NOT CAUGHT"
    wrong = "" if catch.right else "  WRONG NAME"
    near = f"{catch.around:>2} of {AROUND + 1}"
    return f"{catch.bug:<34} {catch.seed:>5}  {near:<9} {catch.said}{wrong}"


def _written(recorded: Mapping[str, int]) -> str:
    lines = (f'    "{bug}": {recorded[bug]},\n' for bug in BUGS if bug in recorded)
    return "".join([_HEAD, *lines, "}\n"])


def _search_all(bugs: Sequence[str], seeds: int, processes: int) -> list[Catch]:
    catches = []
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for catch in pool.imap(functools.partial(search, seeds=seeds), bugs, 1):
            _say(_row(catch))
            catches.append(catch)
    return catches


def main() -> int:
    """Search, and say what was found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation.canary_search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bugs", nargs="*", metavar="BUG", help="all where none is named")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many worlds for each")
    parser.add_argument("--write", action="store_true", help="record the seeds in recorded.py")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if unknown := [bug for bug in options.bugs if bug not in BUGS]:
        parser.error(f"there is no bug {', '.join(unknown)}; there are {', '.join(BUGS)}")
    started_s = time.perf_counter()
    _say(f"{'bug':<34} {'seed':>5}  {'so often':<9} what is said first")
    catches = _search_all(options.bugs or list(BUGS), options.seeds, options.processes)
    found = {catch.bug: catch.seed for catch in catches if catch.seed is not None}
    recorded = RECORDED | found
    _say(f"\n{len(found)} of {len(catches)} caught in {time.perf_counter() - started_s:.0f} s\n")
    if options.write:
        _FILE.write_text(_written(recorded), encoding="utf-8")
        _say(f"recorded in {_FILE.name}")
    else:
        _say(_written(recorded))
    return 0 if all(catch.right for catch in catches) else 1


if __name__ == "__main__":
    sys.exit(main())
