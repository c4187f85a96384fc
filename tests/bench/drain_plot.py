"""The plot of what an event costs: events a CPU-second, as a part of what only reading takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bench.bars import Axis, draw
from tests.bench.measured import ROOT

FILE = ROOT / "docs" / "images" / "drain.svg"
_TITLE = "Events per CPU-second, as a part of the bare consume loop's"


def plot(ratios: Mapping[str, Mapping[str, float]], file: Path = FILE) -> Path:
    """Draw a bar for each workload and who drained it, from 0 to 1, and return the file."""
    draw(file, _TITLE, Axis((0, 0.25, 0.5, 0.75, 1), lambda ratio: min(ratio, 1.0)), ratios)
    return file
