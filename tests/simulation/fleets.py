"""The fleets that docs/sizing.md tells of, and what each has used.

`python -m tests.simulation.fleets`; exit code 1 where one passed its budget, or used less of it
than it must.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass

from daemon.core.pacer import Budget
from tests.simulation.fleet import Fleet, Used, run

_SMALL = Budget(requests_per_hour=10_000, reserve=0.0, burst=24)


@dataclass(frozen=True, slots=True)
class Expected:
    """A fleet, and what part of its budget it uses at least in a whole hour."""

    fleet: Fleet
    used_min: float


FLEETS = {
    "nothing happens": Expected(Fleet(1), 0.969),
    "100 partitions": Expected(Fleet(1, partitions=100), 0.969),
    "12 partitions: 52 stand by": Expected(Fleet(1, partitions=12), 0.969),
    "20 troubles an hour": Expected(Fleet(1, churn=20), 0.96),
    "60 troubles an hour": Expected(Fleet(1, churn=60), 0.96),
    "1,000 replicas, 1,000 partitions": Expected(Fleet(1, 1_000, 1_000), 0.96),
    "half of the partitions are quiet": Expected(Fleet(1, busy=0.5), 0.48),
    "pauses, then all at once": Expected(Fleet(1, churn=20, pauses=True), 0.5),
    "the same, 10,000 requests": Expected(Fleet(1, churn=20, pauses=True, budget=_SMALL), 0.5),
}


def shortened(fleet: Fleet, seed: int) -> Fleet:
    """Return it with one whole hour of Braze's only, and chances of its own."""
    return dataclasses.replace(fleet, seed=seed, hours=2)


def whole_hours(used: Used, fleet: Fleet) -> list[float]:
    """Return what part of the budget was used in each of Braze's hours that was seen whole."""
    return [hour / fleet.total for hour in used.hours[1:-1]]


def main() -> int:
    """Run all of them, and print a row for each."""
    print("| fleet of 64 | starts | rebalances | used of an hour | most in any 60 minutes |")
    print("|---|---|---|---|---|")
    bad = False
    for name, expected in FLEETS.items():
        fleet = expected.fleet
        used = run(fleet)
        parts, most = whole_hours(used, fleet), used.worst / fleet.total
        bad = bad or max(*parts, most) > 1 or min(parts) < expected.used_min
        least = f"{min(parts):.1%} to {max(parts):.1%}"
        print(f"| {name} | {used.starts} | {used.rebalances} | {least} | {most:.1%} |", flush=True)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
