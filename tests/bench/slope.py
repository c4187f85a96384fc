"""A straight line through samples: how fast memory grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


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
    return Slope(slope * 3600, math.sqrt(left / (count - 2) / spread) * 3600)
