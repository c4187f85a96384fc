"""The plot of how requests are spent: p99 freshness as a multiple of what is possible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from tests.bench.bars import Axis, draw
from tests.bench.measured import ROOT

FILE = ROOT / "docs" / "images" / "packing.svg"
_TITLE = "99th percentile of freshness, as a multiple of the best possible"
_LEAST, _MOST = 0.8, 64.0  # The axis ends here; what is beyond is cut, and says its number.


def plot(ratios: Mapping[str, Mapping[str, float]]) -> Path:
    """Draw a bar for each load and way on a logarithmic axis, and return the file."""
    draw(FILE, _TITLE, Axis((1, 2, 4, 8, 16, 32, 64), _far), ratios)
    return FILE


def _far(ratio: float) -> float:
    """Return how far along the axis a ratio is, from a little under 1."""
    return math.log(min(ratio, _MOST) / _LEAST) / math.log(_MOST / _LEAST)
