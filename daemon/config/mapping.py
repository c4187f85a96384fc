"""What stands under `mapping`: which part of a record says which part of a membership change.

It knows nothing of records; `daemon.formats.decoders` compiles it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictFloat,
    StrictInt,
    field_validator,
    model_validator,
)

from daemon.config.base import Section
from daemon.config.presets import expand

JsonScalar: TypeAlias = StrictBool | StrictInt | StrictFloat | str | None

PATH_DEPTH_MAX = 16

_NAME = re.compile(r'"([^"]+)"|([^."]+)')
_REMEDY = 'names joined by dots, a."b.c" for a name with a dot, "." for the whole'


def parse_path(text: object) -> tuple[str, ...]:
    """Return the names of a PATH in order; none of them for `.`, the whole.

    Raise ValueError where it is none. A tuple of names is taken as it is.
    """
    if isinstance(text, tuple):
        return text
    if not isinstance(text, str) or not text:
        raise ValueError(f"a path is a text: {_REMEDY}")
    if text == ".":
        return ()
    names: list[str] = []
    at = 0
    while (match := _NAME.match(text, at)) is not None:
        names.append(match[1] or match[2])
        at = match.end()
        if at == len(text):
            if len(names) > PATH_DEPTH_MAX:
                raise ValueError(f"a path has at most {PATH_DEPTH_MAX} names")
            return tuple(names)
        if text[at] != ".":
            break
        at += 1
    raise ValueError(f"not a path at character {at + 1}: {_REMEDY}")


def path_text(names: tuple[str, ...]) -> str:
    """Return the PATH that `parse_path` reads as these names."""
    return ".".join(f'"{name}"' if "." in name else name for name in names) or "."


def regex(text: str) -> str:
    """Return a regular expression as it is; raise ValueError where it is none."""
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


Path = Annotated[
    tuple[str, ...],
    BeforeValidator(parse_path),
    PlainSerializer(path_text, return_type=str),
]


def _no_whole(path: tuple[str, ...]) -> tuple[str, ...]:
    if not path:
        raise ValueError('"." names the whole, which only a key can be read as')
    return path


ColumnPath = Annotated[Path, AfterValidator(_no_whole)]


class Value(Section):
    """Where a text comes from: exactly one source, then what is done to it."""

    column: ColumnPath | None = None
    key: Path | None = None
    header: str | None = Field(None, min_length=1)
    topic: str | None = None  # A regular expression; its first group, else all it matched.
    constant: str | None = Field(None, min_length=1)
    trim: bool = False
    lower: bool = False

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, text: str | None) -> str | None:
        return None if text is None else regex(text)

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        sources = (self.column, self.key, self.header, self.topic, self.constant)
        if sum(source is not None for source in sources) != 1:
            raise ValueError("a value has exactly one of column, key, header, topic, constant")
        return self


class AliasValues(Section):
    """Where an alias comes from: at Braze the label is the kind and the name is the value."""

    name: Value
    label: Value


class Condition(Section):
    """What `only_when` asks of a column: one of these values, or being there at all."""

    column: ColumnPath
    in_: tuple[JsonScalar, ...] | None = Field(None, alias="in", min_length=1)
    exists: bool | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.in_ is None) == (self.exists is None):
            raise ValueError("a condition has exactly one of in, exists")
        return self


class MemberWhen(Section):
    """The row is a membership while the column holds one of these JSON values, exactly."""

    column: ColumnPath
    in_: tuple[JsonScalar, ...] = Field(alias="in", min_length=1)


class OldWhen(Section):
    """What tells a removal that is an update's old image: one of these values in a column."""

    column: ColumnPath
    in_: tuple[JsonScalar, ...] = Field(alias="in", min_length=1)


class Operation(Section):
    """How a row changed, told by a column; a value in no list is a dead letter.

    `old`, or a removal for which `old_when` holds, is the old image of an update: `old_images`
    says what becomes of it. `absent` is what a row without the column says.
    """

    column: ColumnPath
    add: tuple[JsonScalar, ...] = ()
    remove: tuple[JsonScalar, ...] = ()
    ignore: tuple[JsonScalar, ...] = ()
    old: tuple[JsonScalar, ...] = ()
    old_when: OldWhen | None = None
    absent: Literal["reject", "add"] = "reject"

    @model_validator(mode="after")
    def _check_once(self) -> Self:
        values = [(type(v), v) for v in (*self.add, *self.remove, *self.ignore, *self.old)]
        if not values:
            raise ValueError("an operation lists the values that add and that remove")
        if len(set(values)) != len(values):
            raise ValueError("a value stands in one of add, remove, ignore and old, once")
        return self


def _as_operations(operations: object) -> object:
    """Take an operation alone for a list of one."""
    return (operations,) if isinstance(operations, dict | Operation) else operations


class Mapping(Section):
    """Which part of a record says which part of a membership change."""

    preset: str | None = None
    op: Annotated[tuple[Operation, ...], BeforeValidator(_as_operations)] = ()
    old_images: Literal["remove", "ignore"] | None = None
    on_null: Literal["reject", "remove", "ignore"] | None = None
    cohort_id: Value
    cohort_name: Value | None = None
    external_id: Value | None = None
    alias: AliasValues | None = None
    device_id: Value | None = None
    member_when: MemberWhen | None = None
    occurred_at: Value | None = None

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, mapping: object) -> object:
        return expand(mapping)

    @property
    def has_old_images(self) -> bool:
        """Whether an update is two records here."""
        return any(operation.old or operation.old_when for operation in self.op)

    @property
    def identifiers(self) -> frozenset[str]:
        """The kinds of identifier it names."""
        kinds = ("external_id", "alias", "device_id")
        return frozenset(kind for kind in kinds if getattr(self, kind) is not None)
