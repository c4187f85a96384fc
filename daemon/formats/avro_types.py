"""An Avro schema as a tree of types, names replaced by what they stand for.

Built from what fastavro has parsed, so that both mean the same by a name. `avro_schema` has seen
before that it is not recursive, and how large it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec


class Plain(msgspec.Struct, frozen=True):
    """A primitive: null, boolean, int, long, float, double, bytes or string."""

    kind: str


class Fixed(msgspec.Struct, frozen=True):
    """So many bytes."""

    size: int


class Enum(msgspec.Struct, frozen=True):
    """One of some texts, told by its place among them."""

    symbols: tuple[str, ...]


class Decimal(msgspec.Struct, frozen=True):
    """A whole number in bytes, in units of ten to the minus `scale`."""

    inner: Plain | Fixed
    scale: int
    precision: int


class Repeated(msgspec.Struct, frozen=True):
    """An array, or a map by texts."""

    items: Node
    has_keys: bool


class Union(msgspec.Struct, frozen=True):
    """A value of one of some types, told by its place among them."""

    branches: tuple[Node, ...]


class Field(msgspec.Struct, frozen=True):
    """A part of a record."""

    name: str
    node: Node


class Record(msgspec.Struct, frozen=True):
    """Values by name, in this order."""

    fields: tuple[Field, ...]


Node: TypeAlias = Plain | Fixed | Enum | Decimal | Repeated | Union | Record


def tree(parsed: Any, names: Mapping[str, Any]) -> Node:  # noqa: ANN401
    """Return the tree of a schema parsed by fastavro, which noted the names it defines."""
    return _Builder(names).build(parsed)


class _Builder:
    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        self._built: dict[str, Node] = {}

    def build(self, parsed: Any) -> Node:  # noqa: ANN401
        if isinstance(parsed, list):
            return Union(tuple(self.build(branch) for branch in parsed))
        if isinstance(parsed, str):
            return self._named(parsed) if parsed in self._names else Plain(parsed)
        match parsed["type"]:
            case "record" | "error":
                fields = parsed["fields"]
                node: Node = Record(tuple(Field(f["name"], self.build(f["type"])) for f in fields))
            case "enum":
                node = Enum(tuple(parsed["symbols"]))
            case "fixed":
                node = _logical(parsed, Fixed(int(parsed["size"])))
            case "array":
                return Repeated(self.build(parsed["items"]), has_keys=False)
            case "map":
                return Repeated(self.build(parsed["values"]), has_keys=True)
            case kind:
                return _logical(parsed, Plain(kind))
        self._built[parsed["name"]] = node
        return node

    def _named(self, name: str) -> Node:
        if name not in self._built:
            self._built[name] = self.build(self._names[name])
        return self._built[name]


def _logical(parsed: Mapping[str, Any], inner: Plain | Fixed) -> Node:
    """Return the logical type; one that Avro calls invalid is only what is below it."""
    precision, scale = parsed.get("precision"), parsed.get("scale", 0)
    if parsed.get("logicalType") == "decimal" and precision and isinstance(scale, int):
        match inner:
            case Fixed() | Plain("bytes"):
                return Decimal(inner, scale, int(precision))
    return inner
