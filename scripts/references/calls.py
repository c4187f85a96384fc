"""Which events a module logs, at which level, with which fields: read off its syntax tree.

It knows the few ways in which the daemon logs, and fails on any other, so that none goes untold:
the event's name stands in the call, or is assigned in the same function; a name that something
else logs (`FoldingHandler`, the writer's own line) is told by `_INDIRECT`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from daemon.logs import event

_LEVELS = ("debug", "info", "warning", "error", "critical")
_MODULES = ("event", "events")  # What `daemon.logs.event` is called where it is imported.
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef

# Names that are handed on to be logged: what is said then does not stand beside them.
_INDIRECT = {
    event.LIBRARY_MESSAGE: ("the message's", ("logger", "message", "exception?", "count?")),
    event.KAFKA_LIBRARY_MESSAGE: (
        "the message's, warning at most",
        ("logger", "message", "count?"),
    ),
    event.LOG_LINES_DROPPED: ("warning", ("count",)),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One place where an event is logged."""

    name: str
    level: str
    fields: tuple[str, ...]
    where: str


def calls_in(source: str, where: str) -> Iterator[Call]:
    """Yield each logging of an event in a module's source."""
    tree = ast.parse(source)
    folded = _folded(tree)
    for function in ast.walk(tree):
        if isinstance(function, _DEFINITION):
            for node in _own(function):
                if isinstance(node, ast.Call):
                    yield from _of_call(node, function, where, folded)
                elif (name := _event(node)) in _INDIRECT:
                    yield Call(name, *_INDIRECT[name], where)


def _of_call(
    call: ast.Call, function: ast.AST, where: str, folded: frozenset[str]
) -> Iterator[Call]:
    for method, name in _logged(call, function):
        fields = [*_fields(call, function)]
        if ast.unparse(method.value) in folded:
            fields.append("count?")
        yield Call(name, method.attr, tuple(fields), where)


def _logged(call: ast.Call, function: ast.AST) -> Iterator[tuple[ast.Attribute, str]]:
    """Yield the logger's method and the event, where a call logs one."""
    if not call.args:
        return
    if isinstance(call.func, ast.Attribute) and call.func.attr in _LEVELS:
        for name in _names(call.args[0], function):
            yield call.func, name
    elif isinstance(call.func, ast.Name) and isinstance(call.args[0], ast.Name):
        for method, given in _assigned_together((call.func.id, call.args[0].id), function):
            if isinstance(method, ast.Attribute) and (name := _event(given)):
                yield method, name


def _names(given: ast.expr, function: ast.AST) -> list[str]:
    """Return the events that an expression may be: one, one of two, or what was assigned."""
    if isinstance(given, ast.IfExp):
        return [*_names(given.body, function), *_names(given.orelse, function)]
    if isinstance(given, ast.Name):
        values = _assigned(given.id, function)
        return [name for value in values for name in _names(value, function)]
    return [name] if (name := _event(given)) else []


def _event(node: ast.AST) -> str:
    """Return the event that `event.NAME` is; empty for everything else."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return ""
    named = node.value.id in _MODULES and node.attr.isupper()
    return str(getattr(event, node.attr)) if named else ""


def _fields(call: ast.Call, function: ast.AST) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "exc_info":
            yield "exception"
        elif keyword.arg is not None:
            yield keyword.arg
        else:  # `**told`: a dict of this function, or one whose names depend on the case.
            assert isinstance(keyword.value, ast.Name), ast.unparse(call)
            for value in _assigned(keyword.value.id, function):
                yield from _keys(value)


def _keys(value: ast.expr) -> list[str]:
    """Return the keys of a dict that is written out; an ellipsis for any other."""
    if isinstance(value, ast.Dict):
        return [ast.literal_eval(key) for key in value.keys if key is not None]
    return ["…"]


def _assigned(name: str, function: ast.AST) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _assigned_together(
    names: tuple[str, str], function: ast.AST
) -> Iterator[tuple[ast.expr, ast.expr]]:
    for node in ast.walk(function):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Tuple):
            continue
        if ast.unparse(node.targets[0]).strip("()") == ", ".join(names):
            first, second = node.value.elts
            yield first, second


def _folded(tree: ast.Module) -> frozenset[str]:
    """Return what is a FoldedLog in this module, as it is written: `self._folded`."""
    return frozenset(
        ast.unparse(node.targets[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) == "FoldedLog"
    )


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Walk a function, but not the functions in it: they are met by themselves."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, _DEFINITION):
            yield child
            yield from _own(child)
