"""The bytes of Avro's primitives, held to the specification.

Source: Apache Avro's specification, "Binary Encoding". Each function takes the record and a place
in it and returns what stands there and the place behind. Reading behind the end raises IndexError.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

DECIMAL_BYTES_MAX: Final = 512  # A longer one takes libmpdec minutes, and is no id.

_SHIFT_MAX: Final = 63
_INT_MAX: Final = 2**31
_MORE: Final = 128  # From here on another byte follows.


class DamagedError(ValueError):
    """Bytes that no writer of the schema writes; the text says why, and names no value."""


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of 64 bits."""
    number, shift = 0, 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < _MORE:
            break
        shift += 7
        if shift > _SHIFT_MAX:
            raise DamagedError("a number of more than ten bytes")
    if number >> 64:
        raise DamagedError("a number of more than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def read_int(data: bytes, at: int) -> tuple[int, int]:
    """Return a whole number of 32 bits."""
    number, at = read_long(data, at)
    if not -_INT_MAX <= number < _INT_MAX:
        raise DamagedError("an int of more than 32 bits")
    return number, at


def read_size(data: bytes, at: int) -> tuple[int, int]:
    """Return how many bytes follow; so many there are."""
    size, at = read_long(data, at)
    if size < 0:
        raise DamagedError("a length below zero")
    if size > len(data) - at:
        raise DamagedError("cut short")
    return size, at


def read_choice(data: bytes, at: int, choices: int) -> tuple[int, int]:
    """Return which of so many, from 0 on."""
    chosen, at = read_int(data, at)
    if not 0 <= chosen < choices:
        raise DamagedError("a union or an enum has no such place")
    return chosen, at


def read_count(data: bytes, at: int) -> tuple[int, int | None, int]:
    """Return how many items follow, 0 at the end, and where they end if that is said."""
    count, at = read_long(data, at)
    end = None
    if count < 0:
        count = -count
        size, at = read_size(data, at)
        end = at + size
    if count > len(data) - at:  # An item takes a byte at least: `avro_schema` sees to that.
        raise DamagedError("more items than bytes")
    return count, end, at


def read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Return so many bytes as stand there."""
    size, at = read_size(data, at)
    return data[at : at + size], at + size


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """Return a text."""
    size, at = read_size(data, at)
    try:
        return data[at : at + size].decode(), at + size
    except UnicodeDecodeError:
        raise DamagedError("a text that is not UTF-8") from None


def read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    """Return a boolean."""
    if data[at] > 1:
        raise DamagedError("a boolean that is neither")
    return data[at] == 1, at + 1


def as_decimal(unscaled: bytes, scale: int) -> Decimal:
    """Return the number exactly, whatever precision its schema claims."""
    if len(unscaled) > DECIMAL_BYTES_MAX:
        raise DamagedError("a decimal beyond every limit")
    number = int.from_bytes(unscaled, "big", signed=True)
    digits = tuple(int(digit) for digit in str(abs(number)))
    return Decimal((int(number < 0), digits, -scale))
