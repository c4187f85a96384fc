"""A way into the daemon that tells, when asked by a signal, which canaries are on Python's heap.

It walks from everything the collector knows and from every frame: a table of texts is known to no
collector, and what refers to a text can't be asked. Memory that was freed is not looked at.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
import types
from pathlib import Path
from typing import Any

from daemon.cli import main

TOLD = "HEAP_TOLD"  # The variable with the file to tell it in.
_CANARY = re.compile("heap" + "-canary-[0-9]+-[0-9]+")
_BYTES = (bytes, bytearray, memoryview)


def canaries() -> dict[str, list[str]]:
    """Return each canary that is found, with the types on one way to it, from its end."""
    seen: set[int] = set()
    found: dict[str, list[str]] = {}
    came_from: dict[int, int] = {}
    objects: dict[int, Any] = {}  # Kept alive: else an id would be taken a second time.
    todo: list[Any] = [*gc.get_objects(), *sys._current_frames().values()]
    seen.update((id(seen), id(came_from), id(objects), id(todo), id(found)))
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        objects[id(each)] = each
        if isinstance(each, str | bytes | bytearray | memoryview):
            text = bytes(each).decode("latin-1") if isinstance(each, _BYTES) else each
            for canary in _CANARY.findall(text):
                found.setdefault(canary, _way(id(each), came_from, objects))
            continue
        for referent in _referents(each):
            came_from.setdefault(id(referent), id(each))
            todo.append(referent)
    return found


def _referents(each: Any) -> list[Any]:  # noqa: ANN401
    more = list(each) if isinstance(each, dict) else []  # Keys that are texts are not told of.
    return [*gc.get_referents(each), *more]


def _way(at: int, came_from: dict[int, int], objects: dict[int, Any]) -> list[str]:
    way: list[str] = []
    while at in objects and len(way) < 12:
        each = objects[at]
        name = each.f_code.co_qualname if isinstance(each, types.FrameType) else ""
        way.append(f"{type(each).__name__} {name}".strip())
        at = came_from.get(at, 0)
    return way


def _tell(*_: object) -> None:
    gc.collect()
    file = Path(os.environ[TOLD])
    part = file.with_suffix(".part")
    part.write_text(json.dumps(canaries()))
    part.rename(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, _tell)
    main()
