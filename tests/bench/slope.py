"""A straight line through samples: how fast memory grows, and whether that is too fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

SLOPE_MAX = 1.0  # MiB an hour.
STEP = 1.0  # MiB that one step of the allocator may be.
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth in units an hour, and its standard error as if samples were independent."""

    an_hour: float
    error: float


def slope_of(samples: Sequence[tuple[float, float]]) -> Slope:
    """Fit a line by least squares through (seconds, value); there must be three samples at least.

    Samples that follow each other closely are not independent, so the true error is larger.
    """
    count = len(samples)
    mean_s = sum(at_s for at_s, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((at_s - mean_s) ** 2 for at_s, _ in samples)
    slope = sum((at_s - mean_s) * (value - mean) for at_s, value in samples) / spread
    left = sum((value - mean - slope * (at_s - mean_s)) ** 2 for at_s, value in samples)
    return Slope(slope * HOUR_S, math.sqrt(left / (count - 2) / spread) * HOUR_S)


def grows_too_fast(slope: Slope, settled_s: float, run_s: float) -> bool:
    """Judge a slope in MiB over the last `settled_s` of a run.

    Of a run of an hour or longer the slope itself decides: at most `SLOPE_MAX`, whatever its
    error. A shorter one is too fast only where the slope is above that by two errors, and what
    it comes to in the settled time is more than one step as well: half an hour tells no less
    than 2.5 MiB an hour, a quarter of one no less than 5.
    """
    if run_s >= HOUR_S:
        return slope.an_hour > SLOPE_MAX
    grown = slope.an_hour * settled_s / HOUR_S
    return slope.an_hour - 2 * slope.error > SLOPE_MAX and grown > STEP
