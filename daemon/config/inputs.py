"""What stands under `inputs`: which topics are read, in which format, and what becomes what.

It knows nothing of records; `daemon.formats.decoders` compiles it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, field_validator, model_validator

from daemon.config.base import Section
from daemon.config.mapping import Condition, Mapping, regex
from daemon.config.mapping_rules import check_for_format
from daemon.config.presets import only_when_of

Format: TypeAlias = Literal["native", "debezium", "rows", "upsert"]
Encoding: TypeAlias = Literal["json", "avro", "json-schema"]
KeyEncoding: TypeAlias = Literal["same", "json", "avro", "string"]
Identifier: TypeAlias = Literal["external_id", "alias", "device_id"]

_ONLY_WHEN = (
    "only_when is for native and rows: a state that stops to fulfil it would never be taken back;"
    " member_when says when a row is a membership"
)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


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

    @property
    def needs_registry(self) -> bool:
        """Whether a part of its records is read by a schema that stands elsewhere."""
        return "avro" in (self.encoding, self.key_encoding)

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
        return None if pattern is None else regex(pattern)

    @field_validator("match_on")
    @classmethod
    def _check_match_on(cls, match_on: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(match_on)) != len(match_on):
            raise ValueError("an identifier stands at most once in match_on")
        return match_on

    @model_validator(mode="before")
    @classmethod
    def _take_conditions_of_presets(cls, settings: object) -> object:
        if not isinstance(settings, dict) or settings.get("only_when") is not None:
            return settings
        conditions = only_when_of(settings.get("mapping"))
        return {**settings, "only_when": conditions} if conditions else settings

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if (self.topic is None) == (self.pattern is None):
            raise ValueError("an input has exactly one of topic, pattern")
        if self.only_when and self.format not in {"native", "rows"}:
            raise ValueError(_ONLY_WHEN)
        if self.format == "native":
            if self.mapping:
                raise ValueError("mapping: native records need none; set format, or remove it")
            return self
        if not self.mapping:
            raise ValueError(f"mapping is required for format {self.format}")
        for mapping in self.mapping:
            if not mapping.identifiers & set(self.match_on):
                raise ValueError(
                    "mapping names no identifier of match_on; set external_id, alias or device_id"
                )
            check_for_format(self.format, mapping)
        return self
