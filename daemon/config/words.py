"""Pydantic's findings in a person's words: one line each, and no text that was found."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from daemon.config.document import one_line
from daemon.config.keys import nearest, paths_of, shape_at
from daemon.errors import Problem

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_NOWHERE = object()
_MISSING = "is missing"
# What is missing only because something else is.
_FOLLOWS = {
    "braze.workspace": "braze.partner",
    "braze.partner_api_key": "braze.partner_api_key_file",
    "braze.data_import_key": "braze.data_import_key_file",
}
_TYPE_WORDS = {
    "string": "must be text; put it in quotes",
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "list": "must be a list",
    "tuple": "must be a list",
    "dict": "must be a mapping",
    "model": "must be a mapping of settings",
    "path": "must be the path of a file",
    "finite": "must be a finite number",
    "none": "must be null",
}
_LIMIT_WORDS = {
    "greater_than_equal": ("must be at least {}", "ge"),
    "greater_than": ("must be greater than {}", "gt"),
    "less_than_equal": ("must be at most {}", "le"),
    "less_than": ("must be less than {}", "lt"),
    "string_too_short": ("must have at least {} characters", "min_length"),
    "string_too_long": ("must have at most {} characters", "max_length"),
    "too_short": ("must have at least {} items", "min_length"),
    "too_long": ("must have at most {} items", "max_length"),
    "literal_error": ("must be one of {}", "expected"),
}
_MISSING_REMEDY = {
    "kafka": "set kafka.bootstrap_servers and kafka.group_id",
    "kafka.bootstrap_servers": "like broker-1:9092,broker-2:9092",
    "kafka.group_id": "one group serves one workspace, like cohortd-acme-prod",
    "kafka.oauth.provider": "aws_msk_iam is the only one",
    "kafka.oauth.region": "the cluster's, like eu-west-1",
    "inputs": "name at least one topic: inputs: [{topic: cohort.membership}]",
    "start": "earliest, latest or a time, for the group's first start only",
    "braze": "set partner, cluster or endpoint, and the two keys",
    "braze.partner": "the name Braze gave the partner, as in the URL /partners/NAME/cohorts",
    "braze.workspace": "your own name for the workspace; it is the partner's by default",
    "braze.partner_api_key": "set braze.partner_api_key_file (or braze.partner_api_key)",
    "braze.data_import_key": "set braze.data_import_key_file (or braze.data_import_key)",
}


def translate(
    error: ValidationError, document: Mapping[str, object], settings: type
) -> list[Problem]:
    """Return a problem for each place that is wrong, in the order of the settings."""
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False, include_input=False):
        steps = _steps(detail["loc"], document)
        problem = _problem(detail, steps, settings, document)
        if detail["type"] == "too_short" and any(path.startswith(problem.path) for path in found):
            continue  # Pydantic does not count the items that are bad.
        found.setdefault(problem.path, problem)
    for path, cause in _FOLLOWS.items():
        if cause in found and path in found and found[path].what == _MISSING:
            del found[path]
    return list(found.values())


def path_text(steps: Sequence[str | int]) -> str:
    """Return steps as people write them: `inputs[0].mapping.cohort_id`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{one_line(step, 60)}"
    return text.removeprefix(".")


def _steps(loc: tuple[int | str, ...], document: object) -> list[str | int]:
    """Follow pydantic's location through the document, leaving out what is only in its types."""
    steps: list[str | int] = []
    node = document
    for number, step in enumerate(loc):
        last = number == len(loc) - 1
        inner = _inner(node, step)
        if inner is not _NOWHERE:
            node = inner
        elif not last or isinstance(step, int) or not isinstance(node, Mapping):
            continue
        steps.append(step)
    return steps


def _inner(node: object, step: str | int) -> object:
    if isinstance(node, Mapping):
        return node.get(step, _NOWHERE)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return _NOWHERE


def _problem(
    detail: ErrorDetails, steps: list[str | int], settings: type, document: object
) -> Problem:
    kind, path = detail["type"], path_text(steps)
    if kind == "extra_forbidden":
        return Problem(path, "unknown key", _suggestion(steps, settings))
    if kind == "missing":
        return Problem(path, _MISSING, _MISSING_REMEDY.get(path, ""))
    if kind == "secret_file":
        path += "_file"
    found = _found(kind, functools.reduce(_inner, steps, document))
    return Problem(path, one_line(_words(kind, detail.get("ctx", {})), 400) + found)


def _found(kind: str, value: object) -> str:
    """Say what stands there; a text is left out, since it may be a secret."""
    if kind.startswith(("secret", "path", "value_error", "too_")):
        return ""  # In the place of a file's path stands what should be in the file.
    if isinstance(value, bool | int | float | None):
        return f", not {json.dumps(value)}"
    if isinstance(value, list | Mapping):
        return f", not a {'list' if isinstance(value, list) else 'mapping'}"
    return ""


def _words(kind: str, context: Mapping[str, object]) -> str:
    """Only texts of our own and limits are taken from the context: the rest may hold the value."""
    if kind.startswith("secret"):
        return str(context["words"])
    if kind == "value_error":
        return str(context["error"])
    if kind in _LIMIT_WORDS:
        words, name = _LIMIT_WORDS[kind]
        return words.format(str(context[name]).replace("'", ""))
    return _TYPE_WORDS.get(kind.split("_", maxsplit=1)[0], "is not valid")


def _suggestion(steps: list[str | int], settings: type) -> str:
    """Name the nearest key in the same place, else the same key in another, else what is known."""
    name = str(steps[-1])
    siblings = sorted(shape_at(settings, tuple(steps[:-1])).keys)
    where = path_text(steps[:-1])
    if near := nearest(name, siblings):
        return f"did you mean {where}.{near}?".replace(" .", " ")
    everywhere = _places(settings)
    if near := nearest(name, list(everywhere)):
        other = ".".join(step for step in everywhere[near] if step != "0")
        return f"did you mean {other}?"
    return f"known here: {', '.join(siblings)}" if siblings else ""


@functools.cache
def _places(settings: type) -> Mapping[str, tuple[str, ...]]:
    """Return where each key stands; asked for each unknown one, of which a file may be full."""
    return {path[-1]: path for path in paths_of(settings)}
