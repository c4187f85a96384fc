"""What stands under `inputs`: which topics are read, in which format, and what becomes what.

The grammar is whole, also where this version can't yet do what it says: that is refused here, in
one place, so that a configuration never means less than it seems to. It knows nothing of records;
`daemon.formats.decoders` compiles it.
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

Format: TypeAlias = Literal["native", "debezium", "rows", "upsert"]
Encoding: TypeAlias = Literal["json", "avro", "json-schema"]
KeyEncoding: TypeAlias = Literal["same", "json", "avro", "string"]
Identifier: TypeAlias = Literal["external_id", "alias", "device_id"]
JsonScalar: TypeAlias = StrictBool | StrictInt | StrictFloat | str | None

PATH_DEPTH_MAX = 16

_NAME = re.compile(r'"([^"]+)"|([^."]+)')
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
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


def _regex(text: str) -> str:
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
        return None if text is None else _regex(text)

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


class Operation(Section):
    """How a row changed, told by a column; a value in no list is a dead letter."""

    column: ColumnPath
    add: tuple[JsonScalar, ...] = ()
    remove: tuple[JsonScalar, ...] = ()
    ignore: tuple[JsonScalar, ...] = ()


class Mapping(Section):
    """Which part of a record says which part of a membership change."""

    preset: str | None = None
    op: Operation | None = None
    old_images: Literal["remove", "ignore"] | None = None
    on_null: Literal["reject", "remove", "ignore"] | None = None
    cohort_id: Value
    cohort_name: Value | None = None
    external_id: Value | None = None
    alias: AliasValues | None = None
    device_id: Value | None = None
    member_when: MemberWhen | None = None
    occurred_at: Value | None = None

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, preset: str | None) -> str | None:
        if preset is not None:
            raise ValueError("preset is not available in this version")
        return preset

    @property
    def identifiers(self) -> frozenset[str]:
        """The kinds of identifier it names."""
        kinds = ("external_id", "alias", "device_id")
        return frozenset(kind for kind in kinds if getattr(self, kind) is not None)


def _as_list(mapping: object) -> object:
    """Take a mapping alone for a list of one, so that nothing behind sees two shapes."""
    return (mapping,) if isinstance(mapping, dict | Mapping) else mapping


class InputSettings(Section):
    """One topic, or a pattern of topics, all in one format."""

    topic: str | None = None
    pattern: str | None = None
    format: Format = "native"
    encoding: Encoding = "json"
    key_encoding: KeyEncoding = "same"
    only_when: tuple[Condition, ...] = ()
    mapping: Annotated[tuple[Mapping, ...], BeforeValidator(_as_list)] = ()
    match_on: tuple[Identifier, ...] = Field(
        ("external_id", "alias", "device_id"), min_length=1, max_length=3
    )

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str | None) -> str | None:
        if topic is not None and not _TOPIC.fullmatch(topic):
            raise ValueError("a topic name has 1 to 249 of A-Z a-z 0-9 . _ -")
        return topic

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None and not pattern.startswith("^"):
            raise ValueError("a pattern begins with ^")
        return None if pattern is None else _regex(pattern)

    @field_validator("format", "encoding", "key_encoding")
    @classmethod
    def _check_available(cls, name: str) -> str:
        if name not in {"native", "debezium", "json", "same", "string"}:
            raise ValueError(f"{name} is not available in this version")
        return name

    @field_validator("only_when")
    @classmethod
    def _check_only_when(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        if conditions:
            raise ValueError("only_when is not available in this version")
        return conditions

    @field_validator("mapping")
    @classmethod
    def _check_mapping(cls, mapping: tuple[Mapping, ...]) -> tuple[Mapping, ...]:
        if len(mapping) > 1:
            raise ValueError("a list of more than one mapping is not available in this version")
        return mapping

    @field_validator("match_on")
    @classmethod
    def _check_match_on(cls, match_on: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(match_on)) != len(match_on):
            raise ValueError("an identifier stands at most once in match_on")
        return match_on

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if (self.topic is None) == (self.pattern is None):
            raise ValueError("an input has exactly one of topic, pattern")
        if self.format == "native":
            if self.mapping:
                raise ValueError("mapping: native records need none; set format, or remove it")
            return self
        if not self.mapping:
            raise ValueError(f"mapping is required for format {self.format}")
        for mapping in self.mapping:
            self._check_for_format(mapping)
        return self

    def _check_for_format(self, mapping: Mapping) -> None:
        if not mapping.identifiers & set(self.match_on):
            raise ValueError(
                "mapping names no identifier of match_on; set external_id, alias or device_id"
            )
        for name in ("op", "old_images", "on_null"):
            if self.format == "debezium" and getattr(mapping, name) is not None:
                raise ValueError(f"mapping.{name} is for format rows; debezium says it itself")
