"""What may stand in a log line: every value is masked, escaped and cut here, and only here.

It is the last processor before rendering. It knows the secrets of the process through a function
that is asked again for each line, since a key file may change at any time.
"""

from __future__ import annotations

import base64
import json
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from daemon.core.model import Alias, Device, Partition

if TYPE_CHECKING:
    from daemon.logs.hasher import MemberHasher

MemberIds: TypeAlias = Literal["hashed", "clear", "none"]
Secrets: TypeAlias = Callable[[], Iterable[str]]
Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]

FIELD_LENGTH_MAX = 512
MASK = "***"
_DEPTH_MAX = 4
_ITEMS_MAX = 32
_MEMBERS_MAX = 1_000  # As many as one request names.
_FRAMES_MAX = 20
_CAUSES_MAX = 4
_SECRETS_MAX = 64  # Former values are remembered too: an old error may still carry one.
_SECRET_LENGTH_MIN = 4  # A shorter one would blank half of every line and protects nothing.
_PIECE_LENGTH_MIN = 16  # Of a secret of several lines, such as a PEM file.

# Control characters, ANSI's escape among them; what reorders or hides text on a screen; what ends
# a line for some readers; lone surrogates, which no UTF-8 can carry.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
# Fields that name a member. A number in one of them is a count.
MEMBER_FIELDS = frozenset(
    {"member", "members", "added", "removed", "external_id", "alias", "device_id"}
)
_SECRET_FIELD = re.compile(r"secret|password|passwd|token|authorization|api_key|credential")
_HARMLESS_END = re.compile(r"(_file|_path|_id|_at|_s)$")


def escape(text: str) -> str:
    """Return text that can't leave its line, colour a terminal or break an encoder."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(
        code,
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}",  # noqa: PLR2004
    )


def cut(text: str, length: int = FIELD_LENGTH_MAX) -> str:
    """Return at most this many characters; an ellipsis says that there were more."""
    return text if len(text) <= length else text[: length - 1] + "…"


def printable(text: str, length: int = FIELD_LENGTH_MAX) -> str:
    """Return text fit for a line, a label or a page: escaped, then cut."""
    return cut(escape(text), length)


class Masker:
    """Replaces every known secret in a text, in the forms in which one travels.

    The function is asked for each text; it must be quick and must not raise.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._seen: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None

    def mask(self, text: str) -> str:
        """Return the text with each secret in it replaced."""
        self._learn()
        return self._pattern.sub(MASK, text) if self._pattern else text

    def _learn(self) -> None:
        fresh = [value for value in self._secrets() if value and value not in self._seen]
        if not fresh:
            return
        # A new dict and a new pattern, each put in place by one assignment: any thread may log.
        seen = (self._seen | dict.fromkeys(fresh)).keys()
        kept = list(seen)[-_SECRETS_MAX:]
        forms = {form for value in kept for form in _forms(value)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self._pattern, self._seen = pattern, dict.fromkeys(kept)


def _forms(secret: str) -> Iterable[str]:
    trimmed = secret.strip()
    if len(trimmed) < _SECRET_LENGTH_MIN:
        return
    yield trimmed
    yield quote(trimmed, safe="")
    yield repr(trimmed)[1:-1]
    yield json.dumps(trimmed, ensure_ascii=False)[1:-1]
    yield base64.b64encode(trimmed.encode("utf-8", "surrogatepass")).decode("ascii")
    pieces = trimmed.splitlines()
    yield from (piece for piece in pieces if len(piece) >= _PIECE_LENGTH_MIN)


class Cleaner:
    """A structlog processor: what comes out is plain, bounded and fit for anyone's eyes.

    Members, recognised by their type or by the field's name, stay only at debug level, hashed
    unless told otherwise. An exception becomes its type, its message and the places it passed,
    without a local variable or a line of source.
    """

    def __init__(self, masker: Masker, member_ids: MemberIds, hasher: MemberHasher) -> None:
        self._masker = masker
        self._member_ids = member_ids
        self._hasher = hasher

    def __call__(self, _logger: object, method: str, fields: Any) -> dict[str, Plain]:  # noqa: ANN401
        """Return the line's fields, cleaned."""
        fields.update(_exception_fields(fields.pop("exc_info", None)))
        keep_members = method == "debug" and self._member_ids != "none"
        cleaned: dict[str, Plain] = {}
        for name, value in fields.items():
            if _is_member(name, value):
                if keep_members:
                    cleaned[name] = self._member(value)
            elif _is_secret(name, value):
                cleaned[name] = MASK
            else:
                cleaned[self._text(name)] = self._plain(value)
        return cleaned

    def _member(self, value: Any) -> Plain:  # noqa: ANN401
        if isinstance(value, str | Alias | Device):
            if self._member_ids == "clear":
                return self._text(value if isinstance(value, str) else ":".join(value))
            return self._hasher.digest(value)
        members = list(value)
        told = [self._member(item) for item in members[:_MEMBERS_MAX]]
        more = len(members) - len(told)
        return [*told, f"… {more} more"] if more else told

    def _plain(self, value: Any, depth: int = 0) -> Plain:  # noqa: ANN401, PLR0911
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Partition):
            return self._text(str(value))
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{len(value)} bytes>"  # Of a record, most likely: never its content.
        if isinstance(value, Alias | Device):
            return "<member>"
        if depth >= _DEPTH_MAX:
            return "…"
        if isinstance(value, Mapping):
            some = list(value.items())[:_ITEMS_MAX]
            return {
                self._text(str(key)): MASK
                if _is_secret(str(key), item)
                else self._plain(item, depth + 1)
                for key, item in some
            }
        if isinstance(value, list | tuple | set | frozenset):
            items = [self._plain(item, depth + 1) for item in list(value)[:_ITEMS_MAX]]
            more = len(value) - len(items)
            return [*items, f"… {more} more"] if more else items
        return self._text(str(value))

    def _number(self, value: float) -> Plain:
        text = repr(value)
        if isinstance(value, float) and not math.isfinite(value):
            return text  # JSON has no word for it.
        plain = type(value) in {int, float}  # Not an IntEnum.
        return value if plain and self._masker.mask(text) == text else self._text(str(value))

    def _text(self, text: str) -> str:
        # Masked before it is cut, or half a secret would stay at the edge; masked again after it
        # was escaped, since a secret may be what an escape sequence spells.
        return cut(self._masker.mask(escape(self._masker.mask(text))))


def _is_member(name: str, value: object) -> bool:
    if isinstance(value, Alias | Device):
        return True
    return name in MEMBER_FIELDS and isinstance(value, str | list | tuple | set | frozenset)


def _is_secret(name: str, value: object) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return False
    lowered = name.lower()
    return bool(_SECRET_FIELD.search(lowered)) and not _HARMLESS_END.search(lowered)


def _exception_fields(exc_info: object) -> dict[str, object]:
    error = _exception(exc_info)
    if error is None:
        return {}
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(chain) < _CAUSES_MAX and current not in chain:
        chain.append(current)
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_MAX:]
    fields: dict[str, object] = {
        "error_type": type(error).__qualname__,
        "error": str(error),
        "trace": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if chain[1:]:
        fields["caused_by"] = [f"{type(cause).__qualname__}: {cause}" for cause in chain[1:]]
    return fields


def _exception(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None
