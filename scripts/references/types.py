"""What may stand under a key, in words for people, read off the settings' own types."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo

from daemon.config.base import Section
from daemon.config.durations import Between, parse_duration, parse_duration_or_never
from daemon.config.mapping import JsonScalar, Value, parse_path
from daemon.config.secrets import Secret

_PLAIN = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}
# What a validator says of a type that the type itself does not.
_READ_BY = {
    parse_duration: "duration",
    parse_duration_or_never: "duration or `never`",
    parse_path: "PATH",
}


def type_text(info: FieldInfo) -> str:
    """Return the type of a key, with the range where it has one."""
    return _text(info.annotation, tuple(info.metadata))


def is_duration(info: FieldInfo) -> bool:
    """Whether a key is a time, in seconds inside and with its unit outside."""
    return "duration" in type_text(info)


def sections_in(annotation: object) -> Iterator[type[Section]]:
    """Yield the sections a key holds: itself, in a list, or under names that people choose."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in get_args(annotation):
        yield from sections_in(inner)


def _text(annotation: Any, metadata: tuple[object, ...] = ()) -> str:  # noqa: ANN401, PLR0911 - A kind a line.
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _text(args[0], (*args[1:], *metadata))
    if read_by := _read_by(metadata):
        return read_by + _range(metadata)
    if annotation == JsonScalar:
        return "JSON value"
    if origin in (Union, types.UnionType):
        kinds = [_text(arg, metadata) for arg in args if arg is not type(None)]
        return " or ".join(dict.fromkeys(kinds))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in args)
    if origin is tuple:
        return f"list; each: {_text(args[0])}"
    if origin in (dict, Mapping):
        return f"by name: {_text(args[1])}"
    return _of_class(annotation) + _range(metadata)


def _read_by(metadata: tuple[object, ...]) -> str:
    functions = [m.func for m in metadata if isinstance(m, AfterValidator | BeforeValidator)]
    return next((_READ_BY[each] for each in functions if each in _READ_BY), "")


def _of_class(annotation: type) -> str:
    if issubclass(annotation, Section):
        return "value" if annotation is Value else "section"
    named = {Secret: "secret", Path: "path of a file", **_PLAIN}
    return named.get(annotation, "text")


def _range(metadata: tuple[object, ...]) -> str:
    """Return the bounds that stand beside a type."""
    least = most = ""
    for found in metadata:
        if isinstance(found, AfterValidator) and isinstance(found.func, Between):
            least, most = f"from {found.func.least}", f"to {found.func.most}"
        elif isinstance(found, Ge):
            least = f"from {found.ge:,}"
        elif isinstance(found, Gt):
            least = f"above {found.gt:,}"
        elif isinstance(found, Le):
            most = f"to {found.le:,}"
        elif isinstance(found, MaxLen):
            most = f"at most {found.max_length} characters"
    bounds = " ".join(filter(None, (least, most)))
    return f", {bounds}" if bounds else ""
