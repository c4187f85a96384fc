"""The values in a fault's line: each reader takes text and returns what it means.

Each raises ValueError with what would have been possible. They must not know the words.
"""

from __future__ import annotations

import re
from fnmatch import translate

PADDING_MAX = 1_000_000_000

_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9}


def duration(text: str) -> float:
    """Read `300ms`, `2s`, `1m`, or a number of seconds."""
    return _measure(text, _TIMES, "write a time such as 300ms, 2s or 1m")


def size(text: str) -> int:
    """Read `8kB`, `1MB`, or a number of bytes."""
    return int(_measure(text, _SIZES, "write a size such as 8kB or 1MB"))


def padding(text: str) -> int:
    """Read a size that the simulator is ready to produce."""
    read = size(text)
    if read > PADDING_MAX:
        raise ValueError("write a size up to 1GB")
    return read


def whole(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not text.isdecimal():
        raise ValueError("write a whole number")
    return int(text)


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not text.isdecimal() or int(text) == 0:
        raise ValueError("write a whole number, at least 1")
    return int(text)


def status(text: str) -> int:
    """Read a final HTTP status."""
    read = whole(text)
    if not 200 <= read <= 599:  # noqa: PLR2004
        raise ValueError("write a status from 200 to 599")
    return read


def rate(text: str) -> float:
    """Read a share from 0 to 1."""
    try:
        read = float(text)
    except ValueError:
        read = -1.0
    if not 0.0 <= read <= 1.0:
        raise ValueError("write a share from 0 to 1")
    return read


def reset(text: str) -> str:
    """Read what `X-RateLimit-Reset` says: a time from now, or a way for it to be wrong."""
    if text not in {"none", "malformed", "past", "far"}:
        try:
            duration(text)
        except ValueError:
            raise ValueError("write a time from now, none, malformed, past or far") from None
    return text


def endpoint(text: str) -> str:
    """Read the name of an endpoint."""
    if text not in {"cohorts", "users"}:
        raise ValueError("write cohorts or users")
    return text


def header(text: str) -> str:
    """Read text that may stand in a header."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("write printable ASCII")
    return text


def glob(text: str) -> re.Pattern[str]:
    """Read a pattern with `*`, `?` and `[…]`, case-sensitive, for the whole text."""
    return re.compile(translate(text))


def _measure(text: str, units: dict[str, float], remedy: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-zA-Z]*)", text)
    if match is None or match[2].lower() not in units:
        raise ValueError(remedy)
    return float(match[1]) * units[match[2].lower()]
