"""The shape of a record: all that its reader decides by, as one mask and one number.

Most records of a topic have texts of the same lengths and nulls in the same places. A reader then
meets the same bytes wherever it decides: lengths, places in unions and enums, which byte of a
number is the last, whether a text is ASCII. So a record of which these bits are those of one that
was read is read alike, and its texts stand in the same places. One comparison of large numbers
tells, at half the cost of going over nine fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from daemon.formats.avro_binary import (
    read_choice,
    read_count,
    read_long,
    read_size,
)
from daemon.formats.avro_types import (
    Decimal,
    Enum,
    Fixed,
    Node,
    Plain,
    Record,
    Repeated,
    Union,
)
from daemon.kafka.records import Record as KafkaRecord

BYTES_MAX: Final = 512  # A larger number costs more than it saves.
_SHAPES_MAX: Final = 256
_REPLACED_EVERY: Final = 64
_JUDGED_AFTER: Final = 512
_WIDTHS: Final = {"boolean": 1, "float": 4, "double": 8}
# Of so many bytes a number may still be too large: then all its bits count.
_LONGEST: Final = {"int": 5, "long": 10}
_HIGH, _FREE = b"\x80", b"\x00"


class Shape(NamedTuple):
    """A mask, what is left of a record under it, and what takes the wanted fields out of it."""

    mask: int
    left: int
    unpack: Callable[[bytes], tuple[Any, ...]]


class _Tracer:
    """Goes over a record that was read, and frees the bits that decide nothing."""

    def __init__(self, data: bytes, at: int) -> None:
        self.mask = bytearray(b"\xff" * len(data))
        self.at = at
        self._data = data

    def go_over(self, node: Node) -> None:
        match node:
            case Plain(kind):
                self._plain(kind)
            case Fixed(size):
                self._skip(size, _FREE)
            case Decimal(inner):
                self.go_over(inner)
            case Enum(symbols):
                _, self.at = read_choice(self._data, self.at, len(symbols))
            case Union(branches):
                chosen, self.at = read_choice(self._data, self.at, len(branches))
                self.go_over(branches[chosen])
            case Repeated():
                self._repeated(node)
            case Record(fields):
                for field in fields:
                    self.go_over(field.node)

    def _plain(self, kind: str) -> None:
        if kind in _LONGEST:
            _, end = read_long(self._data, self.at)
            size = end - self.at
            self._skip(size, _HIGH if size < _LONGEST[kind] else b"\xff")
        elif kind in ("bytes", "string"):
            size, self.at = read_size(self._data, self.at)
            is_ascii = self._data[self.at : self.at + size].isascii()
            text = _HIGH if is_ascii else b"\xff"
            self._skip(size, _FREE if kind == "bytes" else text)
        elif kind != "null":
            self._skip(_WIDTHS[kind], b"\xff" if kind == "boolean" else _FREE)

    def _skip(self, size: int, mask: bytes) -> None:
        self.mask[self.at : self.at + size] = mask * size
        self.at += size

    def _repeated(self, node: Repeated) -> None:
        while True:
            count, _, self.at = read_count(self._data, self.at)
            if not count:
                return
            for _ in range(count):
                if node.has_keys:
                    self._plain("string")
                self.go_over(node.items)


def trace(node: Record, data: bytes, at: int, texts: Iterable[str], enum: str) -> Shape | None:
    """Return the shape of a record that was read, from `at` on; None where it is no use.

    It unpacks the texts, in their bytes, and the enum's byte, in the order of the record's fields:
    which of its symbols it is the shape leaves open.
    """
    tracer = _Tracer(data, at)
    spans: dict[str, tuple[int, int]] = {}
    for field in node.fields:
        begin = tracer.at
        tracer.go_over(field.node)
        spans[field.name] = begin, tracer.at
    place = spans[enum][0]
    tracer.mask[place] = 0
    wanted = [(place, place + 1)]
    for name in texts:
        begin, end = spans[name]
        found = next((at for at in range(begin, end) if tracer.mask[at] == _HIGH[0]), None)
        if found is None:  # Empty, or not ASCII.
            return None
        wanted.append((found, end))
    mask = int.from_bytes(tracer.mask)
    return Shape(mask, int.from_bytes(data) & mask, _unpacker(sorted(wanted), len(data)))


def _unpacker(spans: Sequence[tuple[int, int]], size: int) -> Callable[[bytes], tuple[Any, ...]]:
    """Return what takes these parts out of so many bytes: two thirds of what slicing costs."""
    parts, at = [], 0
    for begin, end in spans:
        parts.append(f"{begin - at}x{end - begin}s")
        at = end
    return struct.Struct(f"{''.join(parts)}{size - at}x").unpack


class Shapes:
    """The shapes met last, by the records' lengths; it notices when they are no use."""

    def __init__(self, shape_of: Callable[[bytes], Shape | None]) -> None:
        self.by_length: dict[int, Shape] = {}
        self.is_useless = False
        self._shape_of = shape_of
        self._missed = 0
        self._since = 0

    def begin(self) -> None:
        """Begin a run."""
        self._missed = 0

    def missed(self, data: bytes, record: KafkaRecord) -> None:
        """Learn from a record that was read, and was of no shape known."""
        if self._missed == 0:
            self._since = record.offset()
        self._missed += 1
        size = len(data)
        if self._missed >= _JUDGED_AFTER:  # Of the run's records since the first miss,
            self.is_useless = record.offset() - self._since < 2 * self._missed  # half or more.
        if size > BYTES_MAX or len(self.by_length) >= _SHAPES_MAX:
            return
        if size not in self.by_length or self._missed % _REPLACED_EVERY == 0:
            shape = self._shape_of(data)
            if shape is not None:
                self.by_length[size] = shape
