"""Durations as people write them: `500ms`, `2s`, `30s`, `5m`, `1h`, and `never` where allowed.

A duration becomes seconds, a float; `never` becomes infinity, so that comparing needs no case.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, TypeAlias

import msgspec
from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
_REMEDY = "write a number with its unit, like 500ms, 2s, 5m or 1h"


def parse_duration(text: object) -> float:
    """Return the seconds; raise ValueError for anything but a number and its unit."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"is not a duration; {_REMEDY}")
    return round(float(match[1]) * _UNIT_S[match[2]], 9)


def parse_duration_or_never(text: object) -> float:
    """As `parse_duration`, and infinity for `never`."""
    if text == "never":
        return math.inf
    try:
        return parse_duration(text)
    except ValueError:
        raise ValueError(f"is neither never nor a duration; {_REMEDY}") from None


def duration_text(seconds: float) -> str:
    """Return the shortest text that is read as these seconds."""
    if math.isinf(seconds):
        return "never"
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.9g}s"
    return f"{seconds * 1000:.9g}ms"


class Between(msgspec.Struct, frozen=True):
    """Accepts from `least` to `most`, both included; `never` is not measured."""

    least: str
    most: str

    def __call__(self, seconds: float) -> float:
        """Return the seconds; raise ValueError where they are too few or too many."""
        least_s, most_s = parse_duration(self.least), parse_duration(self.most)
        if not math.isinf(seconds) and not least_s <= seconds <= most_s:
            raise ValueError(f"must be from {self.least} to {self.most}")
        return seconds


def between(least: str, most: str) -> AfterValidator:
    """Return what holds a duration to a range; the range can be read off the type."""
    return AfterValidator(Between(least, most))


Duration: TypeAlias = Annotated[
    float, BeforeValidator(parse_duration), PlainSerializer(duration_text, return_type=str)
]
DurationOrNever: TypeAlias = Annotated[
    float, BeforeValidator(parse_duration_or_never), PlainSerializer(duration_text, return_type=str)
]
