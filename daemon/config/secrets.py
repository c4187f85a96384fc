"""A credential that can't be shown by accident, and that follows its file.

Nothing but `reveal()` gives the value: not repr, str, format, JSON, pickle, nor a copy.
It knows nothing of what the credential is for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

MASK = "********"
SECRET_BYTES_MAX = 65_536


class Secret:
    """A credential, given literally or by the path of its file.

    `refresh` reads the file again and is meant to be called every few seconds: content counts, not
    file events, since a mounted secret is swapped by a symbolic link. While the file is missing,
    unreadable, empty or being written, the last good value stays. A half-written value that looks
    whole is taken, refused by whoever checks it, and replaced at the next refresh.
    """

    __slots__ = ("_text", "_value", "path")

    def __init__(self, value: str, path: Path | None = None, *, text: bool = False) -> None:
        self._value = value
        self._text = text
        self.path = path

    @classmethod
    def from_file(cls, path: Path, *, text: bool = False) -> Self:
        """Read it; raise ValueError with the reason. `text` may have several lines (PEM)."""
        return cls(_read(path, text=text), path, text=text)

    def reveal(self) -> str:
        """Return the value: only for the request or client that needs it."""
        return self._value

    def refresh(self) -> bool:
        """Read the file again; return whether the value is another one now."""
        if self.path is None:
            return False
        try:
            value = _read(self.path, text=self._text)
        except ValueError:
            return False
        changed = value != self._value
        self._value = value
        return changed

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self  # A copy would no longer follow the file.

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        return (Secret, (MASK,))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Take a text, a path to read, or what already is a secret; write the mask."""
        return core_schema.no_info_plain_validator_function(
            _validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, return_schema=core_schema.str_schema()
            ),
        )


def fault_of(value: str, *, text: bool = False) -> str:
    """Say what is wrong with a credential's value, without showing it; empty if nothing is."""
    if not value.strip():
        return "is empty"
    if any(not c.isprintable() and not (text and c in "\r\n\t") for c in value):
        return "has a line break or another control character in it"
    if not text and value != value.strip():
        return "has a space at its beginning or end"
    return ""


def _read(path: Path, *, text: bool) -> str:
    """Return the content without one line break at its end; raise ValueError saying why not."""
    try:
        with path.open("rb") as file:
            content = file.read(SECRET_BYTES_MAX + 1)
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ValueError(f"can't be read: {reason or 'not a path'}") from None
    if len(content) > SECRET_BYTES_MAX:
        raise ValueError(f"has more than {SECRET_BYTES_MAX} bytes")
    if size not in (0, len(content)):  # A pipe has no size.
        raise ValueError("is being written")
    try:
        value = content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if fault := fault_of(value, text=text):
        raise ValueError(fault)
    return value


def _validate(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, Path):
        try:
            return Secret.from_file(value)
        except ValueError as error:
            _fail("secret_file", f"the file {error}")
    if not isinstance(value, str):
        _fail("secret", "must be text; put it in quotes, or name its file with …_file")
    if fault := fault_of(value):
        _fail("secret", fault)
    return Secret(value)


def _fail(kind: str, words: str) -> NoReturn:
    raise PydanticCustomError(kind, "{words}", {"words": words})
