"""The shape of ids: enough to see that a mapping takes the wrong column, and never an id itself.

Pure. A shape is a word about a text; several members make a count by kind and shape.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from daemon.core.model import Alias, Device, Member
from daemon.tools.check.finding import Finding, note, warning

_PADDED: Final = "padded with spaces"
_EMAIL: Final = "e-mail-looking"
_BASE64: Final = "base64-looking"

# The first that matches names the shape.
_SHAPES: Final = (
    (_PADDED, re.compile(r"\s.*|.*\s", re.DOTALL)),
    ("UUID", re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")),
    ("digits", re.compile(r"[0-9]+")),
    (_EMAIL, re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    ("hexadecimal", re.compile(r"(?=.*[0-9])[0-9A-Fa-f]{12,}")),
    # Without padding or a sign it can't be told from a word.
    (
        _BASE64,
        re.compile(r"(?=.*[+=])(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=|[\w+/]{4})", re.ASCII),
    ),
)
_OTHER: Final = "other text"
_EXTERNAL: Final = "external_id"

_REMEDIES: Final = {
    _PADDED: "Braze compares ids exactly: clean the source or, in a mapping, set trim: true",
    _BASE64: "a source may encode numbers or bytes like this (Debezium: decimal.handling.mode,"
    " binary.handling.mode): see whether Braze knows the users so",
}
_EMAIL_REMEDY: Final = (
    "right only if Braze's external ids are e-mail addresses; otherwise map them as alias"
)


def shape_of(text: str) -> str:
    """Return the one word for the shape of an id."""
    return next((name for name, pattern in _SHAPES if pattern.fullmatch(text)), _OTHER)


def describe_members(where: str, members: Iterable[Member]) -> list[Finding]:
    """Return the shapes of the members' ids, and what is odd about them."""
    shapes: Counter[tuple[str, str]] = Counter()
    swapped = 0
    for member in members:
        kind, text = _read(member)
        shapes[kind, shape_of(text)] += 1
        swapped += isinstance(member, Alias) and shape_of(member.label) in {_EMAIL, "UUID"}
    if not shapes:
        return []
    told = ", ".join(f"{number:,} {kind} {shape}" for (kind, shape), number in _largest(shapes))
    findings = [note(where, f"the shape of the ids: {told}")]
    for (kind, shape), number in _largest(shapes):
        remedy = _REMEDIES.get(shape, "")
        if shape == _EMAIL and kind == _EXTERNAL:
            remedy = _EMAIL_REMEDY
        if remedy:
            every = sum(each for (other, _), each in shapes.items() if other == kind)
            findings.append(warning(where, f"{shape}: {number:,} of {every:,} {kind}s", remedy))
    if swapped:
        what = f"the label of {swapped:,} of the aliases looks like a user's id"
        findings.append(warning(where, what, "the label is the kind (email), the name the value"))
    return findings


def _largest(shapes: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(shapes.items(), key=lambda entry: (-entry[1], entry[0]))


def _read(member: Member) -> tuple[str, str]:
    match member:
        case Alias(name, _):
            return "alias", name
        case Device(id_):
            return "device_id", id_
        case _:
            return _EXTERNAL, member
