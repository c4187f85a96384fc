"""What a JSON record may be: its size and depth, and what is said where it is none.

Only what is asked for is decoded. The rest is skipped, not judged: an invalid byte in a column
nobody maps harms nobody. Of duplicate keys the last wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from daemon.formats.changes import DoubtError, RejectError
from daemon.kafka.records import Reason

RECORD_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 64

# A text this short can't be nested beyond the limit, even inside a wrapping.
SHALLOW_BYTES_MAX: Final = 2 * (DEPTH_MAX - 1)
OPENINGS_MAX: Final = DEPTH_MAX - 1

# Looked at together: a change event opens three to five brackets, seldom more than seven.
_TOGETHER: Final = 8

_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))

T = TypeVar("T")


def count_openings(text: bytes) -> int:
    """Return how many brackets open in it, those inside strings too: its depth is at most that.

    By replacing, which is four times faster than counting (CPython's `count` of a single byte
    looks at one byte at a time, `replace` does not).
    """
    return 2 * len(text) - len(text.replace(b"{", b"")) - len(text.replace(b"[", b""))


def are_surely_within(texts: Sequence[bytes]) -> bool:
    """Tell whether a look at a few at a time shows that none is too large or too deep.

    Where a few have no more brackets together than one may have, none has: half as dear as one by
    one. False says nothing of any of them.
    """
    for at in range(0, len(texts), _TOGETHER):
        joined = b"".join(texts[at : at + _TOGETHER])
        if len(joined) > RECORD_BYTES_MAX or count_openings(joined) > OPENINGS_MAX:
            return False
    return True


def vouch_limits(text: bytes | None, value: bytes | None) -> bytes:
    """Return the text in a value; raise `DoubtError` where there is none, or beyond the limits."""
    if text is None or value is None or len(value) > RECORD_BYTES_MAX:
        raise DoubtError
    if len(text) > SHALLOW_BYTES_MAX and count_openings(text) > OPENINGS_MAX:
        raise DoubtError
    return text


def check_size(text: bytes, place: str = "the value") -> None:
    """Raise `RejectError` where it is too large."""
    if len(text) > RECORD_BYTES_MAX:
        raise RejectError(Reason.TOO_LARGE, f"{place} is larger than {RECORD_BYTES_MAX} bytes")


def check_limits(text: bytes, place: str = "the value", depth_max: int = DEPTH_MAX) -> None:
    """Raise `RejectError` where it is too large, or nested too deeply."""
    check_size(text, place)
    if count_openings(text) <= depth_max:
        return
    depth = 0
    for bracket in _outside_strings(text).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"{[" else -1
        if depth > depth_max:
            detail = f"{place} is nested deeper than {DEPTH_MAX} levels"
            raise RejectError(Reason.TOO_DEEP, detail)


def _outside_strings(text: bytes) -> bytes:
    """Return it without its strings, which may hold brackets: half the cost of a pattern.

    A backslash has no place outside strings, so what follows one is no JSON however it is read.
    """
    return b"".join(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def decode_json(decoder: msgspec.json.Decoder[T], text: bytes | msgspec.Raw, place: str) -> T:
    """Return what the decoder makes of it; raise `RejectError` where it can't.

    The decoder must ask for no more than shapes, so that its messages carry no value.
    """
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as error:
        reason = Reason.INVALID_RECORD if str(error).startswith("Exp") else Reason.INVALID_VALUE
        raise RejectError(reason, f"{place}: {_lower(error)}") from None
    except UnicodeDecodeError:
        raise RejectError(Reason.INVALID_JSON, f"{place} is not UTF-8") from None
    except msgspec.DecodeError as error:
        raise RejectError(Reason.INVALID_JSON, f"{place}: {_lower(error)}") from None
    except RecursionError:  # Can't be after `check_limits`; a caller without it is safe too.
        raise RejectError(Reason.TOO_DEEP, f"{place} is nested too deeply") from None


def _lower(error: Exception) -> str:
    text = str(error)
    return text if text.startswith("JSON") else text[:1].lower() + text[1:]
