"""What one request in four for large cohorts is a compromise between: other parts, simulated."""

from __future__ import annotations

from daemon.core import lineup
from tests.bench.packing import LOADS, Cohortd, Load, simulate, zipf
from tests.bench.table import save, show

TURNS = (2, 3, 4)  # Of others, for each request beyond a turn.
_TOLD_APART = {
    "500, Zipf",
    "50, one bursts",
    "49 beside a backlog",
    "24 beside 26 backlogs",
    "10 beside 3, 1/12",
}
LOADS_TOLD = (
    *(load for load in LOADS if load.name in _TOLD_APART),
    Load("500, Zipf, 20,000/s", zipf(500), rate=20_000, seconds=120),
    Load("500, Zipf, 30,000/s", zipf(500), rate=30_000, seconds=120),
)


def run(seed: int) -> int:
    """Print the 99th percentile of each load by how many turns there are for a request more."""
    head = ("beyond a turn: one in", *(load.name for load in LOADS_TOLD))
    rows = [(str(turns + 1), *_p99s(turns, seed)) for turns in TURNS]
    print(show(head, rows))
    print(f"saved: {save('turns', {'rows': [dict(zip(head, row, strict=True)) for row in rows]})}")
    return 0


def _p99s(turns: int, seed: int) -> list[str]:
    usual = lineup.FIRSTS_A_MORE
    lineup.FIRSTS_A_MORE = turns
    try:
        return [f"{simulate(load, Cohortd(load), seed).p99_s:.1f}" for load in LOADS_TOLD]
    finally:
        lineup.FIRSTS_A_MORE = usual
