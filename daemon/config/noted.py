"""Sections whose good values can be looked at although others are bad.

Rules between two settings run on whatever is valid, so that a person sees every problem at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticUndefined

from daemon.config.base import Section


class Unchecked(Exception):  # noqa: N818 - A signal to the runner of rules, not a failure.
    """A rule needs a value that is missing or bad, which is reported by itself."""


class Noted(Section):
    """A section that stands once in the configuration, under `PATH`."""

    PATH: ClassVar[str] = ""

    @field_validator("*", mode="after")
    @classmethod
    def _note(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(info.context, dict):
            info.context[cls.__name__, info.field_name] = value
        return value


_T = TypeVar("_T")


class Values:
    """The valid values of a configuration, by section and field."""

    def __init__(self, noted: dict[tuple[str, str], object], bad: Iterable[str]) -> None:
        self._noted = noted
        self._bad = tuple(bad)

    def given(self, section: type[Noted], name: str) -> bool:
        """Whether a value was given, a bad one included."""
        path = f"{section.PATH}.{name}".removeprefix(".")
        if (section.__name__, name) in self._noted:
            return self._noted[section.__name__, name] is not None
        if path in self._bad:
            return True
        if section.PATH in self._bad:
            raise Unchecked
        return False

    def get(self, section: type[Noted], name: str, kind: type[_T]) -> _T:
        """Return a value, or its default; raise Unchecked where there is none to rely on."""
        found = self._noted.get((section.__name__, name), PydanticUndefined)
        path = f"{section.PATH}.{name}".removeprefix(".")
        if found is PydanticUndefined:
            if any(_touches(path, bad) for bad in self._bad):
                raise Unchecked
            field = section.model_fields[name]
            found = field.get_default(call_default_factory=True)
        if not isinstance(found, kind):
            raise Unchecked
        return found


def _touches(path: str, bad: str) -> bool:
    """Whether a problem lies at a path, around it or inside it."""
    longer, shorter = (bad, path) if len(bad) > len(path) else (path, bad)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
