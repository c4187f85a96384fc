"""Settings from `COHORTD_*` variables, laid over the files' document.

`COHORTD_SECTION__KEY`: two underscores go one level down, a number names an item of a list, and
under `KAFKA__PROPERTIES` one underscore is a dot. An empty value means null where null is accepted.
It knows the types of the settings only through `daemon.config.keys`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from daemon.config.document import Document, one_line, text_fault
from daemon.config.keys import Shape, nearest, paths_of, shape_of
from daemon.errors import Problem

PREFIX = "COHORTD_"
_IGNORED = "COHORTD_TEST_"
_ITEMS_MAX = 1000
_LINK = re.compile(
    r"COHORTD(?:_[A-Z0-9]+)*?_(?:(?P<host>SERVICE_HOST)|(?P<port>SERVICE_PORT(?:_[A-Z0-9]+)*)"
    r"|(?P<url>PORT|PORT_[0-9]+_(?:TCP|UDP|SCTP))"
    r"|PORT_[0-9]+_(?:TCP|UDP|SCTP)_(?:(?P<proto>PROTO)|(?P<number>PORT)|(?P<addr>ADDR)))"
)
_LINK_URL = re.compile(r"(?:tcp|udp|sctp)://\S+:[0-9]{1,5}")


class _Unknown(Exception):  # noqa: N818 - It says what was found, and never leaves this file.
    """The variable names no setting."""

    def __init__(self, remedy: str = "") -> None:
        super().__init__(remedy)
        self.remedy = remedy


def overlay(
    document: Document, environ: Mapping[str, str], settings: type
) -> tuple[Document, dict[str, str], list[Problem]]:
    """Return the document with the environment laid over it, and where its values came from.

    The second is `{path: variable}`; the third names every variable that is no setting. The
    document given is not changed.
    """
    document = _copied(document)
    origins: dict[str, str] = {}
    problems: list[Problem] = []
    for variable in sorted(environ):
        value = environ[variable]
        if not variable.startswith(PREFIX) or variable.startswith(_IGNORED):
            continue
        if is_service_link(variable, value):
            continue
        if text_fault(value):
            problems.append(Problem(one_line(variable), text_fault(value)))
            continue
        steps = variable.removeprefix(PREFIX).split("__")
        try:
            path = _place(document, steps, value, settings)
        except _Unknown as unknown:
            remedy = unknown.remedy or _suggestion(variable, settings)
            problems.append(Problem(one_line(variable), "names no setting", remedy))
        else:
            origins[path] = variable
    return document, origins, problems


def is_service_link(variable: str, value: str) -> bool:
    """Whether Kubernetes made the variable for a Service named cohortd, or cohortd-something."""
    match = _LINK.fullmatch(variable)
    if match is None:
        return False
    if match["host"] or match["addr"]:
        try:
            ip_address(value)
        except ValueError:
            return False
        return True
    if match["port"] or match["number"]:
        return value.isascii() and value.isdigit()
    if match["proto"]:
        return value in ("tcp", "udp", "sctp")
    return _LINK_URL.fullmatch(value) is not None


def _place(document: Document, steps: list[str], value: str, settings: type) -> str:
    """Put the value where the steps lead; return that path, or raise _Unknown."""
    shape = shape_of(settings)
    at: object = document
    path = ""
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        key, inner = _step_down(at, shape, step, path)
        if not isinstance(key, int):
            path = f"{path}.{key}".removeprefix(".")
        elif isinstance(at, list):
            path = f"{path}[{key}]"
        if last and not _takes_text(inner) and not (inner.nullable and not value):
            kind = "a list" if inner.item is not None else "a section"
            raise _Unknown(f"{path} is {kind}; name the setting in it after two underscores")
        fresh = (value or (None if inner.nullable else value)) if last else _empty(inner)
        at = _descend(at, key, fresh, replace=last)
        shape = inner
    return path


def _takes_text(shape: Shape) -> bool:
    """A list of plain values may have a spelling as one text; whether it has is for its reader."""
    return shape.scalar or (shape.item is not None and shape_of(shape.item).scalar)


def _step_down(at: object, shape: Shape, step: str, path: str) -> tuple[str | int, Shape]:
    """Return the key that a step of a variable's name means here, and what may stand there."""
    if path == "kafka.properties" and step:
        return step.replace("_", ".").lower(), Shape(keys={"file": str}, scalar=True)
    if shape.item is not None and step.isascii() and step.isdigit():
        length = len(at) if isinstance(at, list) else 1 if isinstance(at, dict) else 0
        if len(step) < len(str(_ITEMS_MAX)) and int(step) <= length:
            return int(step), shape_of(shape.item)
        raise _Unknown(f"{path} has {length} items; the next number is {length}")
    if shape.item is not None and isinstance(at, dict):
        shape = shape_of(shape.item)  # A list of one, written without the list.
    for key, inner in shape.keys.items():
        if key.upper() == step:
            return key, shape_of(inner)
    if shape.free is not None and isinstance(at, dict):
        same = [key for key in at if key.upper() == step]
        if len(same) == 1:
            return same[0], shape_of(shape.free)
    if shape.free is not None:
        raise _Unknown(f"{path} has no such name in the files; add it there first")
    raise _Unknown


def _descend(at: object, key: str | int, fresh: object, *, replace: bool) -> object:
    """Return what stands under the key, after putting `fresh` there where it belongs.

    Where the files have something of another kind the value has no place, and the file's own
    problem is reported instead.
    """
    if isinstance(at, dict) and key == 0:
        return at  # A list of one, written without the list.
    if isinstance(at, list) and isinstance(key, int):
        if key == len(at):
            at.append(fresh)
        elif replace or at[key] is None:
            at[key] = fresh
        return at[key]
    if isinstance(at, dict):
        here = at.get(key)
        # A file's scalar gives way to `{file: PATH}` of the environment.
        if replace or here is None or (isinstance(here, str) and isinstance(fresh, dict)):
            at[key] = fresh
        return at[key]
    return None


def _empty(shape: Shape) -> object:
    return [] if shape.item is not None and not shape.keys else {}


def _suggestion(variable: str, settings: type) -> str:
    names = ["__".join(path).upper() for path in paths_of(settings)]
    near = nearest(variable.removeprefix(PREFIX).upper(), names)
    return f"did you mean {PREFIX}{near}?" if near else "unset it, or see the list of settings"


def _copied(node: Document) -> Document:
    return {key: _copy(value) for key, value in node.items()}


def _copy(node: object) -> object:
    if isinstance(node, dict):
        return _copied(node)
    if isinstance(node, list):
        return [_copy(value) for value in node]
    return node
