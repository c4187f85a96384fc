"""Bars as a picture: groups of them on one axis, each with its number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_COLOURS = ("#2259c7", "#c77b22", "#8a94a6")
_LEFT, _TOP, _WIDTH, _BAR, _GAP = 150, 64, 470, 13, 16


@dataclass(frozen=True, slots=True)
class Axis:
    """Where its marks stand, and how far along it a value is: from 0 to 1."""

    marks: Sequence[float]
    far: Callable[[float], float]


def draw(file: Path, title: str, axis: Axis, found: Mapping[str, Mapping[str, float]]) -> None:
    """Write a picture with a group for each row of `found`, and a bar for each of its values."""
    kinds = list(next(iter(found.values())))
    group = len(kinds) * _BAR + _GAP
    height = _TOP + len(found) * group + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 {height}" role="img">',
        f"<title>{title}</title>",
        "<style>text{font:12px system-ui,sans-serif;fill:#5d6878}.n{font-weight:600}</style>",
        f'<rect width="700" height="{height}" fill="#fff"/>',
        f'<text x="16" y="24" style="font-size:15px;fill:#1b2330">{title}</text>',
    ]
    left = 16
    for number, kind in enumerate(kinds):
        parts.append(f'<rect x="{left}" y="38" width="11" height="11" fill="{_COLOURS[number]}"/>')
        parts.append(f'<text x="{left + 17}" y="48">{escape(kind)}</text>')
        left += max(120, 34 + 7 * len(kind))
    for mark in axis.marks:
        at = _LEFT + _WIDTH * axis.far(mark)
        parts.append(
            f'<path d="M{at:.0f} {_TOP - 4}V{height - 30}" stroke="#e3e6eb"/>'
            f'<text x="{at:.0f}" y="{height - 12}" text-anchor="middle">{mark:g}</text>'
        )
    for row, (name, values) in enumerate(found.items()):
        top = _TOP + row * group
        middle = top + len(kinds) * _BAR / 2 + 4
        parts.append(
            f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(name)}</text>'
        )
        for number, kind in enumerate(kinds):
            y, long = top + number * _BAR, max(2.0, _WIDTH * axis.far(values[kind]))
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{long:.0f}" height="{_BAR - 2}" '
                f'fill="{_COLOURS[number]}"/><text class="n" x="{_LEFT + long + 5:.0f}" '
                f'y="{y + 10}" style="font-size:10px">{values[kind]:.2f}</text>'
            )
    file.write_text("\n".join([*parts, "</svg>", ""]))
