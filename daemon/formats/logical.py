"""Connect's logical types: what a column means beyond its JSON, and what time it tells.

Sources: Kafka Connect's `Decimal`, `Date`, `Timestamp`; Debezium's documentation, "Data types".
"""

from __future__ import annotations

import binascii
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from daemon.formats.changes import RejectError
from daemon.kafka.records import Reason

DECIMAL: Final = "org.apache.kafka.connect.data.Decimal"
_SCALE_MAX = 1_000
_UNSCALED_BYTES_MAX = 512

_UNIT_S = {  # What one of a number column is, in seconds.
    "io.debezium.time.Date": 86_400.0,
    "org.apache.kafka.connect.data.Date": 86_400.0,
    "io.debezium.time.Timestamp": 1e-3,
    "org.apache.kafka.connect.data.Timestamp": 1e-3,
    "io.debezium.time.MicroTimestamp": 1e-6,
    "io.debezium.time.NanoTimestamp": 1e-9,
}
# Without a schema the size of a number tells its unit: 10^14 ms is the year 5138.
_UNITS_BY_SIZE = ((1e14, 1e-3), (1e17, 1e-6), (math.inf, 1e-9))
_YEAR_1_S, _YEAR_10000_S = -62_135_596_800.0, 253_402_300_800.0


class Logical(NamedTuple):
    """The type of one column, by its semantic name; the scale of a decimal."""

    name: str
    scale: int = 0


Path: TypeAlias = tuple[str, ...]


class Types(Protocol):
    """The logical types of some value's parts, by path; a dict of them is such."""

    def get(self, path: Path, /) -> Logical | None:
        """Return the type at this path, None where it has no other than JSON's."""


def find_logical(schema: object, path: Path) -> Logical | None:
    """Return the logical type that a Connect schema gives the column at this path."""
    for name in path:
        fields = schema.get("fields") if isinstance(schema, dict) else None
        within = fields if isinstance(fields, list) else ()
        named = (f for f in within if isinstance(f, dict) and f.get("field") == name)
        schema = next(named, None)
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        return None
    parameters = schema.get("parameters")
    scale = parameters.get("scale") if isinstance(parameters, dict) else None
    try:
        return Logical(schema["name"], int(scale or 0))
    except (TypeError, ValueError):
        return Logical(schema["name"])


def decode_logical(raw: object, logical: Logical | None, place: str) -> object:
    """Return decimals as their exact text and everything else as it is.

    A decimal of variable scale says itself that it is one, so it needs no schema.
    """
    if isinstance(raw, Decimal):  # Of an encoding that knows decimals.
        if abs(int(raw.as_tuple().exponent)) > _SCALE_MAX:
            raise RejectError(Reason.INVALID_VALUE, f"{place}: a decimal beyond every limit")
        return format(raw, "f")
    if logical is not None and logical.name == DECIMAL and isinstance(raw, str):
        return _decimal_text(raw, logical.scale, place)
    match raw:
        case {"scale": int(scale), "value": bytes(unscaled), **rest} if not rest:
            return _exact_text(unscaled, scale, place)
        case {"scale": int(scale), "value": str(unscaled), **rest} if not rest:
            return _decimal_text(unscaled, scale, place)
    return raw


def _decimal_text(unscaled: str, scale: int, place: str) -> str:
    try:
        number = binascii.a2b_base64(unscaled, strict_mode=True)
    except ValueError:
        raise RejectError(Reason.INVALID_VALUE, f"{place}: a decimal that is no base64") from None
    return _exact_text(number, scale, place)


def _exact_text(number: bytes, scale: int, place: str) -> str:
    if not number or len(number) > _UNSCALED_BYTES_MAX or abs(scale) > _SCALE_MAX:
        raise RejectError(Reason.INVALID_VALUE, f"{place}: a decimal beyond every limit")
    value = int.from_bytes(number, "big", signed=True)
    digits = tuple(int(digit) for digit in str(abs(value)))
    return format(Decimal((int(value < 0), digits, -scale)), "f")


def time_s(raw: Any, logical: Logical | None = None) -> float | None:  # noqa: ANN401
    """Return a moment in Unix time; None for what is none, `infinity` too. Never raises."""
    if isinstance(raw, str):
        return _in_range(_iso_s(raw))
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    if isinstance(raw, float) and not math.isfinite(raw):
        return None
    unit = _UNIT_S.get(logical.name) if logical is not None else None
    if unit is None:
        unit = next(unit for limit, unit in _UNITS_BY_SIZE if abs(raw) < limit)
    return _in_range(raw * unit if abs(raw) < 1e30 else None)  # noqa: PLR2004


def _iso_s(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):  # At the ends of the calendar, with an offset.
        return None


def _in_range(moment_s: float | None) -> float | None:
    inside = moment_s is not None and _YEAR_1_S <= moment_s < _YEAR_10000_S
    return moment_s if inside else None
