"""The files of a configuration: strict YAML, several of them merged into one plain document.

It knows nothing of what the keys mean. A document is made of dicts with text keys, lists, text,
numbers, booleans and null: times stay text, and what could hurt later (endless recursion, control
characters, numbers without end) is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import yaml

from daemon.errors import Problem

Document: TypeAlias = dict[str, object]

DOCUMENT_BYTES_MAX = 1_048_576
DOCUMENT_DEPTH_MAX = 32
DOCUMENT_NODES_MAX = 50_000
_INTEGER_BITS_MAX = 64
_BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_QUOTED = re.compile(r"'[^']{2,}'")
_PLAIN_TAGS = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary")


class _Unreadable(Exception):  # noqa: N818 - It becomes a problem in this file.
    """A file that can't be used; its text says why."""


class _Loader(yaml.SafeLoader):
    """YAML without times (they stay text), noting keys that stand twice."""

    twice: list[tuple[int, int, str]]

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's signature.
    ) -> dict[object, object]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                mark = key.start_mark
                self.twice.append((mark.line + 1, mark.column + 1, key.value))
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _PLAIN_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: Path) -> tuple[Document | None, list[Problem]]:
    """Return what the file says, and what is wrong with it; None where it can't be used at all.

    An empty file is an empty document.
    """
    at = one_line(str(path))
    try:
        found, twice = _parse(_content(path))
    except yaml.YAMLError as error:
        return None, [_explain(at, error)]
    except _Unreadable as error:
        return None, [Problem(at, str(error))]
    problems = [
        Problem(f"{at}:{line}:{column}", f"the key {one_line(key)} stands twice in its mapping")
        for line, column, key in twice
    ]
    if found is None:
        return {}, problems
    if not isinstance(found, dict):
        return None, [*problems, Problem(at, "is not a mapping of sections", "write KEY: VALUE")]
    odd = list(_oddities(found, "", 1))
    problems += [Problem(f"{at}: {where}" if where else at, what) for where, what in odd]
    return (None if odd else found), problems


def merge(below: Document, above: Document) -> Document:
    """Lay one document over another: mappings are merged, all else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value)
        else:
            merged[key] = value
    return merged


def one_line(text: str, limit: int = 120) -> str:
    """Make any text fit for one line of a message."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def text_fault(text: str) -> str:
    """Say why a text can't be a setting's value; empty when it can."""
    return "has a control character or broken Unicode in it" if _BROKEN.search(text) else ""


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise _Unreadable(f"can't be read: {error.strerror or 'not a file'}") from None
    except ValueError:
        raise _Unreadable("can't be read: not a path") from None
    if len(content) > DOCUMENT_BYTES_MAX:
        raise _Unreadable(f"has more than {DOCUMENT_BYTES_MAX} bytes")
    return content


def _parse(content: bytes) -> tuple[object, list[tuple[int, int, str]]]:
    try:
        loader = _Loader(content)
        loader.twice = []
        found = loader.get_single_data()
    except RecursionError:
        raise _Unreadable("is nested too deeply") from None
    except (ValueError, TypeError, LookupError, OverflowError, AttributeError):
        # PyYAML lets the errors of odd numbers and tags through; their texts hold the value.
        raise _Unreadable("has a value YAML can't read; put texts in quotes") from None
    if _too_large(found):
        raise _Unreadable("is too large, or a part of it holds itself")
    return found, loader.twice


def _too_large(root: object) -> bool:
    """Count as a reader of aliases would: a few lines of them can stand for millions of values."""
    count, rest = 0, [root]
    while rest:
        node = rest.pop()
        count += 1
        if count > DOCUMENT_NODES_MAX:
            return True
        if isinstance(node, dict):
            rest.extend(node.values())
        elif isinstance(node, list):
            rest.extend(node)
    return False


def _oddities(node: object, where: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield where something stands that no setting can be, and what it is."""
    if depth > DOCUMENT_DEPTH_MAX:
        yield where.split(".", maxsplit=1)[0], "is nested too deeply"
    elif isinstance(node, dict):
        for key, value in node.items():
            if not isinstance(key, str):
                yield where, "has a key that is not text; put it in quotes"
                continue
            inner = f"{where}.{one_line(key, 60)}".removeprefix(".")
            if text_fault(key):
                yield inner, text_fault(key)
            yield from _oddities(value, inner, depth + 1)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _oddities(value, f"{where}[{index}]", depth + 1)
    elif fault := _scalar_fault(node):
        yield where, fault


def _scalar_fault(node: object) -> str:
    if isinstance(node, str):
        return text_fault(node)
    if isinstance(node, int) and node.bit_length() > _INTEGER_BITS_MAX:
        return "is a number too large; if it is a text, put it in quotes"
    if node is None or isinstance(node, int | float):
        return ""
    return "is of a YAML type that is not accepted"


def _explain(at: str, error: yaml.YAMLError) -> Problem:
    """Say where, and what in YAML's words, but never a text of the file: it may be a secret."""
    mark = getattr(error, "problem_mark", None)
    where = f"{at}:{mark.line + 1}:{mark.column + 1}" if mark is not None else at
    words = getattr(error, "problem", None)
    if not isinstance(words, str):
        return Problem(where, "is not YAML: a character YAML does not allow, or not UTF-8")
    words = _QUOTED.sub(lambda m: m[0] if m[0].startswith("'<") else "…", words)
    return Problem(where, f"is not YAML: {one_line(words)}")
