"""The plot of how requests are spent: p99 freshness as a multiple of what is possible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path

from tests.bench.measured import ROOT

FILE = ROOT / "docs" / "images" / "packing.svg"
_TITLE = "99th percentile of freshness, as a multiple of the best possible"
_COLOURS = ("#2259c7", "#c77b22", "#8a94a6")
_LEFT, _TOP, _WIDTH, _BAR, _GAP = 150, 64, 470, 13, 16
_MOST = 64.0  # The axis ends here; what is beyond is cut, and says its number.


def plot(ratios: Mapping[str, Mapping[str, float]]) -> Path:
    """Draw a bar for each load and way on a logarithmic axis, and return the file."""
    ways = list(next(iter(ratios.values())))
    group = len(ways) * _BAR + _GAP
    height = _TOP + len(ratios) * group + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}" role="img">',
        f"<title>{_TITLE}</title>",
        "<style>text{font:12px system-ui,sans-serif;fill:#5d6878}.n{font-weight:600}</style>",
        f'<rect width="700" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" style="font-size:15px;fill:#1b2330">{_TITLE}</text>',
    ]
    for number, way in enumerate(ways):
        x = 16 + number * 120
        parts.append(f'<rect x="{x}" y="38" width="11" height="11" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{x + 17}" y="48">{escape(way)}</text>')
    for mark in (1, 2, 4, 8, 16, 32, 64):
        at = _LEFT + _long(mark)
        parts.append(
            f'<path d="M{at:.0f} {_TOP - 4}V{height - 30}" stroke="#e3e6eb"/>'
            f'<text x="{at:.0f}" y="{height - 12}" text-anchor="middle">{mark}</text>'
        )
    for row, (load, found) in enumerate(ratios.items()):
        top = _TOP + row * group
        middle = top + len(ways) * _BAR / 2 + 4
        parts.append(
            f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(load)}</text>'
        )
        for number, way in enumerate(ways):
            y, long = top + number * _BAR, max(2.0, _long(found[way]))
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{long:.0f}" height="{_BAR - 2}" '
                f'fill="{_COLOURS[number]}"/><text class="n" x="{_LEFT + long + 5:.0f}" '
                f'y="{y + 10}" style="font-size:10px">{found[way]:.2f}</text>'
            )
    FILE.write_text("\n".join([*parts, "</svg>", ""]))
    return FILE


def _long(ratio: float) -> float:
    """Return how far along the axis a ratio is, from a little under 1."""
    least = 0.8
    return _WIDTH * math.log(min(ratio, _MOST) / least) / math.log(_MOST / least)
