"""Many worlds on all processors."""

from __future__ import annotations

import functools
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.simulation.canaries import run_planted
from tests.simulation.runner import Verdict

_CHUNK = 20


@dataclass(frozen=True, slots=True)
class Worlds:
    """Which worlds to run."""

    seeds: Sequence[int]
    arm: str = "storm"
    bug: str = ""


def run_all(worlds: Worlds, processes: int = 2) -> Iterator[Verdict]:
    """Yield how each ended, in any order."""
    one = functools.partial(run_planted, arm=worlds.arm, bug=worlds.bug)
    if processes == 1:
        yield from map(one, worlds.seeds)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(one, worlds.seeds, _CHUNK)
