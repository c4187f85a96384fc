"""Numbers that a person writes for a place in a log: no more than the protocol has room for."""

from __future__ import annotations

from typing import Final

_OFFSET_MAX: Final = 2**63 - 1
_PARTITION_MAX: Final = 2**31 - 1


def is_partition(text: str) -> bool:
    """Tell whether a partition may have this number."""
    return _is_number(text, _PARTITION_MAX)


def is_offset(text: str) -> bool:
    """Tell whether a record may have this offset."""
    return _is_number(text, _OFFSET_MAX)


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most  # noqa: PLR2004
