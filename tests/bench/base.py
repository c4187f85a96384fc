"""The saved base of `make bench`, and whether a run is worse than it.

Only ratios within one run are kept: seconds are the machine's. A measure is worse when the median
of its rounds is worse than the base's by more than its tolerance: `TIMES` the larger spread of the
two, and at least `LEAST`. The spread is how far apart the rounds of one run are, as a part of
their median: about 1.7 standard deviations where there are three rounds. So twice the spread is
three of them, which two medians of the same differ by in one comparison of five hundred, where
rounds are independent. It says nothing of another machine or another Python: save a base there.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.measured import ROOT

FILE = ROOT / "tests" / "bench" / "base.json"
TIMES = 2.0
LEAST = 0.05

# Whose requests do not depend on how fast the machine is: one that gathers the whole log before
# anything leaves. One that sends while it reads makes more windows the longer that takes.
GATHERS = "new group"

X_BARE = "x bare"  # More is better.
X_MIN = "requests x min"  # Less is better.


@dataclass(frozen=True, slots=True)
class Measure:
    """One ratio of a run: the median of its rounds, and their spread as a part of it."""

    median: float
    spread: float

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Measure:
        """Sum up the rounds, of which there is at least one."""
        median = statistics.median(rounds)
        return cls(median, (max(rounds) - min(rounds)) / median)


@dataclass(frozen=True, slots=True)
class Compared:
    """A measure beside its base. `change` is what it is better by, as a part of the base."""

    name: str
    now: Measure
    base: Measure

    @property
    def tolerance(self) -> float:
        """What it may be worse by, as a part of the base."""
        return max(LEAST, TIMES * max(self.now.spread, self.base.spread))

    @property
    def change(self) -> float:
        """Return what it is better by, as a part of the base; worse is below 0."""
        change = self.now.median / self.base.median - 1
        return -change if self.name.endswith(X_MIN) else change

    @property
    def worse(self) -> bool:
        """Tell whether it is worse than chance explains."""
        return self.change < -self.tolerance

    def __str__(self) -> str:
        verdict = "WORSE" if self.worse else "better" if self.change > self.tolerance else "same"
        return (
            f"{verdict:<6} {self.name}: {self.now.median:.3f}, base {self.base.median:.3f}:"
            f" {self.change:+.1%}, tolerance {self.tolerance:.1%}"
        )


def measures(results: Sequence[Mapping[str, Any]]) -> dict[str, Measure]:
    """Return the ratios of a drain's results, which are those of its JSON."""
    found: dict[str, list[float]] = {}
    for result in results:
        for each in result["rounds"]:
            bare_s = each["bare"]["cpu_s"]
            used = {"decode": each["decode"]} if each["decode"]["cpu_s"] else {}
            used |= {name: drained["usage"] for name, drained in each["daemons"].items()}
            for who, usage in used.items():
                if usage["cpu_s"]:
                    name = f"{result['workload']}, {who}, {X_BARE}"
                    found.setdefault(name, []).append(bare_s / usage["cpu_s"])
            for who, drained in each["daemons"].items():
                if who == GATHERS and drained["exact"]:
                    name = f"{result['workload']}, {who}, {X_MIN}"
                    ratio = drained["requests"] / result["requests_min"]
                    found.setdefault(name, []).append(ratio)
    return {name: Measure.of(rounds) for name, rounds in found.items()}


def compare(now: Mapping[str, Measure], base: Mapping[str, Measure]) -> list[Compared]:
    """Return the measures that both have, in the base's order."""
    return [Compared(name, now[name], base[name]) for name in base if name in now]


def save(now: Mapping[str, Measure], machine: Mapping[str, Any], file: Path = FILE) -> Path:
    """Write a base; it says on what it was measured."""
    told = {
        name: {"median": round(m.median, 4), "spread": round(m.spread, 4)}
        for name, m in now.items()
    }
    file.write_text(json.dumps({**machine, "measures": told}, indent=1) + "\n")
    return file


def load(file: Path) -> dict[str, Measure]:
    """Read a base.

    Raises:
        SystemExit: It can't be read.
    """
    try:
        told = json.loads(file.read_text())["measures"]
        return {name: Measure(each["median"], each["spread"]) for name, each in told.items()}
    except (OSError, ValueError, KeyError, TypeError) as failed:
        raise SystemExit(f"{file}: no base can be read: {failed!r}") from failed


def judge(now: Mapping[str, Measure], base: Mapping[str, Measure]) -> int:
    """Print a line for each measure; 1 when one of them is worse, or when none can be compared."""
    compared = compare(now, base)
    for each in compared:
        print(each)
    for name in sorted(now.keys() - base.keys()):
        print(f"new    {name}: {now[name].median:.3f}, not in the base")
    for name in sorted(base.keys() - now.keys()):
        print(f"absent {name}: not in this run")
    worse = sum(each.worse for each in compared)
    print(f"{worse} of {len(compared)} measures are worse than the base")
    return int(worse > 0 or not compared)


def for_plot(now: Mapping[str, Measure]) -> dict[str, dict[str, float]]:
    """Return the ratios to the bare loop by workload and who."""
    found: dict[str, dict[str, float]] = {}
    for name, measure in now.items():
        workload, who, kind = name.split(", ")
        if kind == X_BARE:
            found.setdefault(workload, {})[who] = measure.median
    return found
