"""Reads a record by its writer's schema: the slow, obvious way, which has the last word.

A function for each part of the schema, put together from those of its parts. Everything is read and
held to the specification, the parts too that nobody asks for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from daemon.formats.avro_binary import (
    DamagedError,
    as_decimal,
    read_boolean,
    read_bytes,
    read_choice,
    read_count,
    read_int,
    read_long,
    read_text,
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

# From a record and a place in it to what stands there and the place behind.
ReadPart: TypeAlias = Callable[[bytes, int], tuple[Any, int]]
ReadWhole: TypeAlias = Callable[[bytes], Any]


def whole_reader(node: Node) -> ReadWhole:
    """Return what reads a body by this schema; it raises `DamagedError`, whatever the bytes are."""
    part = part_reader(node)

    def read(body: bytes) -> Any:  # noqa: ANN401
        try:
            value, end = part(body, 0)
        except IndexError:
            raise DamagedError("cut short") from None
        if end != len(body):
            raise DamagedError("it goes on behind what the schema describes")
        return value

    return read


def part_reader(node: Node) -> ReadPart:
    """Return what reads a part; behind the end it may raise IndexError too."""
    match node:
        case Decimal(inner, scale):
            return _decimal(part_reader(inner), scale)
        case Repeated(items, has_keys):
            return _map(part_reader(items)) if has_keys else _array(part_reader(items))
        case Union(branches):
            return _union([part_reader(branch) for branch in branches])
        case Record(fields):
            return _record([(field.name, part_reader(field.node)) for field in fields])
        case leaf:
            return _leaf_reader(leaf)


def _leaf_reader(node: Plain | Fixed | Enum) -> ReadPart:
    match node:
        case Plain(kind):
            return _PLAIN[kind]
        case Fixed(size):
            return _fixed(size)
        case Enum(symbols):
            return _enum(symbols)


def _null(_: bytes, at: int) -> tuple[None, int]:
    return None, at


def _number(form: struct.Struct) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[float, int]:
        end = at + form.size
        if end > len(data):
            raise DamagedError("cut short")
        return form.unpack_from(data, at)[0], end

    return read


def _fixed(size: int) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[bytes, int]:
        end = at + size
        if end > len(data):
            raise DamagedError("cut short")
        return data[at:end], end

    return read


def _enum(symbols: tuple[str, ...]) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[str, int]:
        chosen, at = read_choice(data, at, len(symbols))
        return symbols[chosen], at

    return read


def _decimal(read_unscaled: ReadPart, scale: int) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        unscaled, at = read_unscaled(data, at)
        return as_decimal(unscaled, scale), at

    return read


def _items(data: bytes, at: int, read_item: Callable[[int], int]) -> int:
    """Read the blocks of an array or a map, and return the place behind them."""
    while True:
        count, end, at = read_count(data, at)
        if not count:
            return at
        for _ in range(count):
            at = read_item(at)
        if end is not None and at != end:
            raise DamagedError("a block that is not as long as it says")


def _array(read_part: ReadPart) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[list[Any], int]:
        items: list[Any] = []

        def read_item(at: int) -> int:
            value, at = read_part(data, at)
            items.append(value)
            return at

        return items, _items(data, at, read_item)

    return read


def _map(read_part: ReadPart) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        items: dict[str, Any] = {}

        def read_item(at: int) -> int:
            key, at = read_text(data, at)
            items[key], at = read_part(data, at)
            return at

        return items, _items(data, at, read_item)

    return read


def _union(branches: list[ReadPart]) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        chosen, at = read_choice(data, at, len(branches))
        return branches[chosen](data, at)

    return read


def _record(fields: list[tuple[str, ReadPart]]) -> ReadPart:
    def read(data: bytes, at: int) -> tuple[dict[str, Any], int]:
        record: dict[str, Any] = {}
        for name, read_part in fields:
            record[name], at = read_part(data, at)
        return record, at

    return read


_PLAIN: Final[dict[str, ReadPart]] = {
    "null": _null,
    "boolean": read_boolean,
    "int": read_int,
    "long": read_long,
    "float": _number(struct.Struct("<f")),
    "double": _number(struct.Struct("<d")),
    "bytes": read_bytes,
    "string": read_text,
}
