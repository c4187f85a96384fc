"""The tree of known keys, read off the settings' own types.

Whoever looks for a key (the environment, the wording of errors) asks here, so no list of names is
kept beside the models.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Union, get_args, get_origin

import msgspec

from daemon.config.base import Section

_DEPTH_MAX = 8


class Shape(msgspec.Struct, frozen=True):
    """What may stand in one place. Several may hold: a value, or a list of them."""

    keys: Mapping[str, object] = msgspec.field(default_factory=dict)  # Known names and their types.
    item: object = None  # The type of a list's items.
    free: object = None  # The type of values under names that people choose.
    scalar: bool = False
    nullable: bool = False


def shape_of(annotation: object) -> Shape:  # noqa: PLR0911 - A guard a line.
    """Return what a type accepts."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(args[0])
    if origin in (Union, types.UnionType):
        return _merged([shape_of(arg) for arg in args])
    if annotation is type(None):
        return Shape(nullable=True)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return Shape(
            keys={
                info.alias or name: info.annotation
                for name, info in annotation.model_fields.items()
            }
        )
    if origin in (dict, Mapping):
        return Shape(free=args[1])
    if origin in (tuple, list, Sequence):
        return Shape(item=args[0])
    return Shape(scalar=True)


def paths_of(annotation: object, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every scalar, with `0` for an item and `NAME` for a name of choice."""
    shape = shape_of(annotation)
    if shape.scalar:
        yield prefix
    if len(prefix) >= _DEPTH_MAX:
        return
    for key, inner in shape.keys.items():
        yield from paths_of(inner, (*prefix, key))
    if shape.item is not None:
        yield from paths_of(shape.item, (*prefix, "0"))
    if shape.free is not None:
        yield from paths_of(shape.free, (*prefix, "NAME"))


def shape_at(annotation: object, path: tuple[str | int, ...]) -> Shape:
    """Return what may stand at a path; nothing at all where the path leads nowhere.

    A list of one may be written without the list.
    """
    shape = shape_of(annotation)
    for step in path:
        if not isinstance(step, int) and shape.item is not None and not shape.keys:
            shape = shape_of(shape.item)
        inner = shape.item if isinstance(step, int) else shape.keys.get(step, shape.free)
        if inner is None:
            return Shape()
        shape = shape_of(inner)
    if shape.item is not None and not shape.keys:
        return _merged([shape, shape_of(shape.item)])
    return shape


def nearest(name: str, names: Sequence[str], likeness: float = 0.6) -> str:
    """Return the known name most like this one; empty when none is like it."""
    near = get_close_matches(name, names, n=1, cutoff=likeness)
    return near[0] if near else ""


def _merged(shapes: list[Shape]) -> Shape:
    return Shape(
        keys={key: value for shape in shapes for key, value in shape.keys.items()},
        item=next((s.item for s in shapes if s.item is not None), None),
        free=next((s.free for s in shapes if s.free is not None), None),
        scalar=any(shape.scalar for shape in shapes),
        nullable=any(shape.nullable for shape in shapes),
    )
