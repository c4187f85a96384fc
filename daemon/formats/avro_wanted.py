"""What is wanted of a record in Avro: values by their places, and of which kinds they may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from daemon.formats.avro_types import Enum, Node, Plain, Record

TEXTS: Final = frozenset({"string", "enum"})
IDS: Final = TEXTS | {"int", "long"}


class UnfitError(Exception):
    """A schema, or what is wanted of it, for which no source is made."""


class Leaf(msgspec.Struct, frozen=True):
    """A value that is wanted: the variable it goes to, and of which kinds it may be beside null."""

    variable: str
    kinds: frozenset[str] = TEXTS
    raw: bool = False  # A text in its bytes, which nobody has judged.


class Part(msgspec.Struct, frozen=True):
    """Parts of a record that are wanted, by name; `present` is the variable for whether it is."""

    fields: Mapping[str, Leaf | Part]
    present: str | None = None


Wanted: TypeAlias = Leaf | Part | None


def is_fit(node: Node, wanted: Leaf | Part) -> bool:
    """Tell whether what is wanted may be there; null always may."""
    if isinstance(wanted, Part):
        return isinstance(node, Record) or (node == Plain("null") and wanted.present is not None)
    match node:
        case Enum():
            return "enum" in wanted.kinds
        case Plain(kind):
            return kind == "null" or kind in wanted.kinds
    return False
