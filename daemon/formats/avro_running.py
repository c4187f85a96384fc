"""What source made by `avro_source` runs with: all that it may name, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from daemon.formats.avro_binary import read_count, read_int, read_long, read_size
from daemon.formats.changes import DoubtError

# By the first byte of a length: the length, or -1 where that byte does not tell it.
_LENGTHS: Final = tuple(-1 if byte & 1 or byte > 127 else byte >> 1 for byte in range(256))  # noqa: PLR2004


def _behind_int(data: bytes, at: int) -> int:
    return read_int(data, at)[1]


def _behind_long(data: bytes, at: int) -> int:
    return read_long(data, at)[1]


def _items(data: bytes, at: int) -> tuple[int, int]:
    """Return how many items follow in a block of the usual kind."""
    count, end, at = read_count(data, at)
    if not count or end is not None:
        raise DoubtError
    return count, at


def names() -> dict[str, Any]:
    """Return all that the source may name, the data of its schema apart."""
    return {
        "__builtins__": {"len": len, "range": range, "KeyError": KeyError},
        "L": _LENGTHS,
        "HIGH": bytes(range(128, 256)),
        "doubt": DoubtError,
        "size": read_size,
        "number": read_long,
        "small": read_int,
        "behind_int": _behind_int,
        "behind_long": _behind_long,
        "items": _items,
    }


def compiled(name: str, lines: Sequence[str], given: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the function of that name which the lines define; they may name what is given."""
    space = {**names(), **given}
    exec("\n".join(lines), space)  # noqa: S102  Only what this module has written.
    return space[name]
