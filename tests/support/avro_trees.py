"""Schemas made up by Hypothesis, as trees, and bodies of them, whole and damaged."""

from __future__ import annotations

from hypothesis import strategies as st

from daemon.formats.avro_samples import samples
from daemon.formats.avro_types import (
    Decimal,
    Enum,
    Field,
    Fixed,
    Node,
    Plain,
    Record,
    Repeated,
    Union,
)

PRIMITIVES = ("boolean", "int", "long", "float", "double", "bytes", "string")
NULL = Plain("null")
TEXT = Plain("string")

leaves: st.SearchStrategy[Node] = (
    st.sampled_from([Plain(kind) for kind in PRIMITIVES])
    | st.builds(Fixed, st.integers(1, 9))
    | st.builds(lambda count: Enum(tuple(f"s{at}" for at in range(count))), st.integers(1, 70))
    | st.builds(Decimal, st.just(Plain("bytes")), st.integers(0, 4), st.integers(5, 30))
    | st.just(Decimal(Fixed(8), 2, 18))
)


def _unions(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    branches = st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda kinds: st.permutations([NULL, *kinds])
    )
    return branches.map(lambda kinds: Union(tuple(kinds)))


def _records(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    kinds = st.lists(inner, min_size=1, max_size=4)
    return kinds.map(
        lambda each: Record(tuple(Field(f"f{at}", kind) for at, kind in enumerate(each)))
    )


trees: st.SearchStrategy[Node] = st.recursive(
    leaves,
    lambda inner: (
        _unions(inner) | _records(inner) | st.builds(Repeated, inner, st.booleans())
    ),
    max_leaves=10,
)  # fmt: skip
pieces = st.binary(max_size=4) | st.sampled_from(
    [
        b"",
        b"\x01",
        b"\x02",
        b"\xff",
        b"\x80",
        b"\x80\x00",
        b"\xff" * 9 + b"\x7f",
        b"\xff" * 9 + b"\x01",
    ]
)


def bodies(node: Node) -> st.SearchStrategy[bytes]:
    """Return bodies that a writer of the schema writes."""
    return st.integers(0, 10_000).map(lambda seed: next(samples(node, 1, seed)))


def damaged(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Return bodies of which some bytes are missing, replaced or too many."""

    def damage(text: bytes, at: int, size: int, piece: bytes) -> bytes:
        at %= len(text) + 1
        return text[:at] + piece + text[at + size :]

    return st.builds(damage, texts, st.integers(0, 3_000), st.integers(0, 3), pieces)
