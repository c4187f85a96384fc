"""What a pending change costs in memory, in the relay and the delivery that the daemon runs.

Each layout is a process of its own, `python -m tests.bench.memory LAYOUT MEMBERS`, which gathers so
many members of 24 characters and then hands out as many flushes as there are slots. It is measured
twice: by what the process has grown, and by the sizes of what is reached from relay and delivery. A
counted change is what `memory.max_pending_changes` counts: a member, or a sixth of a lane.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import random
import sys
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Partition
from daemon.core.pacer import Budget
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import END_OF_LOG, Start
from tests.bench.measured import Measured
from tests.bench.table import save, show

MEMBERS = 10_000_000
BYTES_MAX = 130.0  # Of what counts as one pending change, its id of 24 characters.
RUN = 1_000  # Changes of one poll and partition.
SLOTS = 24
TIMEOUT_S = 600.0

HEAD = (
    "layout",
    "while",
    "lanes",
    "RSS, B a member",
    "a counted change",
    "sizes, B a member",
    "ids",
    "tables",
    "rest",
    "peak MB",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How members lie: over cohorts, each 1/n as large as the first, and over partitions."""

    cohorts: int
    partitions: int
    first_start: bool = False  # Behind the replay barrier: one lane a cohort and partition.


LAYOUTS = {
    "50 cohorts": Layout(50, 12),
    "5,000 cohorts": Layout(5_000, 12),
    "first start": Layout(50, 12, first_start=True),
    "one cohort's backfill": Layout(1, 1, first_start=True),
}


def _runs(layout: Layout, members: int) -> Iterator[ChangeSet]:
    chance = random.Random(1)
    names = [f"cohort-{number:04d}" for number in range(layout.cohorts)]
    ends = list(itertools.accumulate(1 / rank for rank in range(1, layout.cohorts + 1)))
    positions: Counter[int] = Counter()
    for at in range(0, members, RUN):
        number = at // RUN % layout.partitions
        changes: dict[str, Changes] = {}
        for cohort in chance.choices(names, cum_weights=ends, k=RUN):
            changes.setdefault(cohort, {})[f"{chance.getrandbits(96):024x}"] = chance.random() < 0.9
        first = positions[number]
        positions[number] += RUN
        yield ChangeSet(Partition("members", number), first, first + RUN, changes, RUN)


class Scene:
    """The pending changes of a daemon, without Kafka before it and Braze behind it."""

    def __init__(self, layout: Layout, members: int) -> None:
        self._base = _resident()
        self.relay = Relay(RelayRules(pending_max=10 * members), Lease(1e9))
        budget = Budget(requests_per_hour=1e9)
        self.delivery = Delivery(DeliveryRules(SLOTS, announce=False, budget=budget), float, 0.0)
        self.delivery.lease_until_s = 1e9
        owned = [Partition("members", number) for number in range(layout.partitions)]
        barrier = END_OF_LOG if layout.first_start else 0
        self.relay.assign({partition: Start(0, barrier) for partition in owned})
        for run in _runs(layout, members):
            self.relay.absorb(run, run.first_offset / RUN)
        for partition in owned:
            self.relay.reached_end(partition)
        self.relay.acknowledge(self.relay.intents(owned, 0.0), 0.0)

    def fly(self) -> None:
        """Hand out a flush for each slot, and put requests on the wire."""
        now_s = 1e8
        while flushes := self.relay.seal(now_s, capacity=self.delivery.capacity(now_s)):
            for flush in flushes:
                self.delivery.submit(flush)
            self.delivery.start(now_s)

    def measure(self) -> dict[str, float]:
        """Return bytes a member, by the process's growth and by the sizes of what is held."""
        gc.collect()
        grown, peak = _resident() - self._base, _peak()
        lanes, members = _held(self.relay)
        return {
            "members": members,
            "lanes": lanes,
            "rss": grown / members,
            "counted": grown / self.relay.pending,
            "peak": peak,
            **{kind: size / members for kind, size in self._sizes_apart().items()},
        }

    def _sizes_apart(self) -> dict[str, float]:
        """Walk through it in a fork: who notes millions of objects leaves a heap behind."""
        read, write = os.pipe()
        child = os.fork()
        if not child:
            with os.fdopen(write, "w") as out:
                json.dump(_sizes(self.relay, self.delivery), out)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            sizes: dict[str, float] = json.load(told)
        os.waitpid(child, 0)
        return sizes


def _held(relay: Relay) -> tuple[int, int]:
    held = [lane.changes for window in relay.waiting() for lane in window.lanes.values()]
    held += [lane.changes for flush in relay.in_flight.values() for lane in flush.lanes]
    return len(held), sum(map(len, held))


_NOT_OURS = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)


def _sizes(*roots: object) -> dict[str, float]:
    """Return the bytes of all that is reached from here, each object once, by what it is."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    todo: list[Any] = list(roots)
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, _NOT_OURS):
            continue
        seen.add(id(each))
        kind = "ids" if type(each) is str else "tables" if type(each) is dict else "rest"
        found[kind] += -(-sys.getsizeof(each) // 16) * 16  # As the allocator rounds it up.
        if type(each) is dict:
            todo.extend(each)  # Keys that are all texts are not told as referents.
        if type(each) is not str:
            todo.extend(gc.get_referents(each))
    return dict(found)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) / 1024


def run(folder: Path, members: int) -> int:
    """Measure every layout; 1 when a pending member costs more than it may."""
    rows: list[tuple[str, ...]] = []
    worst = 0.0
    for name in LAYOUTS:
        arguments = ["-m", "tests.bench.memory", name, str(members)]
        with Measured(arguments, folder / "memory.log") as child:
            child.ended(TIMEOUT_S)
            found: dict[str, dict[str, float]] = json.loads(child.last_words)
        for phase, each in found.items():
            sizes = [each[kind] for kind in ("ids", "tables", "rest")]
            worst = max(worst, each["counted"])
            figures = (each["rss"], each["counted"], sum(sizes), *sizes)
            bytes_each = (f"{size:.1f}" for size in figures)
            rows.append((name, phase, f"{each['lanes']:.0f}", *bytes_each, f"{each['peak']:.0f}"))
            print(*rows[-1], flush=True)
    print("\n" + show(HEAD, rows))
    saved = save("memory", {"rows": [dict(zip(HEAD, row, strict=True)) for row in rows]})
    print(f"at most {worst:.1f} bytes a counted change, of {BYTES_MAX:.0f}; saved: {saved}")
    return int(worst > BYTES_MAX)


def main(name: str, members: int) -> None:
    scene = Scene(LAYOUTS[name], members)
    found = {"gathering": scene.measure()}
    scene.fly()
    found["in flight"] = scene.measure()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
