"""Records made up from a schema, in bytes: what two readers are held against each other by.

They are as a writer may write them, without the specification's rarest ways: no block says how long
it is, and no number is longer than it must be. The same schema and seed give the same records.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

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

_LENGTH_MAX: Final = 20_000  # Of a record, roughly: from there on lists are empty.
# Among them the words by which the formats know an operation.
_TEXTS: Final = ("add", "remove", "c", "u", "d", "r", "vip", "u1", "", "ünï", "x" * 70, "long" * 40)
_WHOLE: Final = (0, 1, -1, 7, 63, -64, 64, 8_191, 2**31 - 1, -(2**31))
_LARGE: Final = (*_WHOLE, 1_764_000_000_000, 1_764_000_000_000_000_000, 2**63 - 1, -(2**63))


def samples(node: Node, count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield so many bodies of this schema."""
    chance = random.Random(seed)  # noqa: S311  It is to be the same each time.
    for _ in range(count):
        out = bytearray()
        _Writer(chance, out).write(node)
        yield bytes(out)


def write_long(number: int) -> bytes:
    """Return a whole number of 64 bits as Avro has it."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 127:  # noqa: PLR2004
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Writer:
    def __init__(self, chance: random.Random, out: bytearray) -> None:
        self._chance = chance
        self._out = out

    def write(self, node: Node) -> None:
        match node:
            case Plain(kind):
                self._plain(kind)
            case Fixed(size):
                self._out += self._chance.randbytes(size)
            case Decimal(inner, _, precision):
                self._decimal(inner, precision)
            case Enum(symbols):
                self._out += write_long(self._chance.randrange(len(symbols)))
            case Union(branches):
                chosen = self._chance.randrange(len(branches))
                self._out += write_long(chosen)
                self.write(branches[chosen])
            case Repeated():
                self._repeated(node)
            case Record(fields):
                for field in fields:
                    self.write(field.node)

    def _plain(self, kind: str) -> None:
        chance, out = self._chance, self._out
        match kind:
            case "boolean":
                out.append(chance.randrange(2))
            case "int" | "long":
                numbers = _WHOLE if kind == "int" else _LARGE
                out += write_long(chance.choice(numbers))
            case "float":
                out += struct.pack("<f", chance.uniform(-9, 9))
            case "double":
                out += struct.pack("<d", chance.uniform(-9, 9))
            case "bytes":
                self._bytes(chance.randbytes(chance.choice((0, 1, 9, 64, 100))))
            case "string":
                self._bytes(chance.choice(_TEXTS).encode())

    def _bytes(self, data: bytes) -> None:
        self._out += write_long(len(data)) + data

    def _decimal(self, inner: Plain | Fixed, precision: int) -> None:
        limit = 10 ** min(precision, 60)
        if isinstance(inner, Fixed):
            limit = min(limit, 2 ** max(0, 8 * inner.size - 1))
        number = self._chance.randrange(-limit + 1, limit)
        if isinstance(inner, Fixed):
            self._out += number.to_bytes(inner.size, "big", signed=True)
        else:
            self._bytes(number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))

    def _repeated(self, node: Repeated) -> None:
        for _ in range(2):  # Blocks.
            count = self._chance.randrange(3) if len(self._out) < _LENGTH_MAX else 0
            if not count:
                break
            self._out += write_long(count)
            for _ in range(count):
                if node.has_keys:
                    self._plain("string")
                self.write(node.items)
        self._out += write_long(0)
