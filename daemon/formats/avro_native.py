"""The loop over native events of one schema: decoded and gathered by source made for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from daemon.core.model import Alias, Changes, Device, Member
from daemon.formats.avro import FRAME_BYTES
from daemon.formats.avro_path import Loop
from daemon.formats.avro_running import compiled
from daemon.formats.avro_schema import WriterSchema
from daemon.formats.avro_source import Source
from daemon.formats.avro_types import Record
from daemon.formats.avro_wanted import Leaf, Part, UnfitError
from daemon.formats.changes import DoubtError
from daemon.formats.json_limits import RECORD_BYTES_MAX

_WANTED: Final[dict[str, Leaf | Part]] = {
    "cohort_id": Leaf("c", raw=True),
    "op": Leaf("o"),
    "external_id": Leaf("x"),
    "alias": Part({"name": Leaf("an"), "label": Leaf("al")}, present="a"),
    "device_id": Leaf("d"),
    "cohort_name": Leaf("cn"),
}
_HEAD: Final = f"""\
def loop(left, into, selection):
    changes, names, begin = into.changes, into.names, selection.begin
    sinks = {{}}
    x = a = an = al = d = cn = None
    for r in left:
        b = r.value()
        if b is None:
            raise doubt
        if b[:{FRAME_BYTES}] != frame:
            return r
        e = len(b)
        p = {FRAME_BYTES}"""
_TAIL: Final = f"""\
        if p != e or e > {RECORD_BYTES_MAX}:
            raise doubt
        add = o == "add"
        if not add and o != "remove":
            raise doubt
        m = WHO
        try:
            sinks[c][m] = add
        except KeyError:
            sinks[c] = sink(c, changes, begin)
            sinks[c][m] = add
        if cn:
            names[text(c)] = cn"""


class NativeLoops:
    """Writes the loops; see `WriteLoop`."""

    tombstones = False

    def __init__(self, match_on: Sequence[str]) -> None:
        self._kinds = tuple(match_on)

    def __call__(
        self,
        frame: bytes,
        schema: WriterSchema,
        example: object,
        topic: str,  # noqa: ARG002
    ) -> Loop:
        """See `WriteLoop`: fit is a record that has a cohort and an operation."""
        node = schema.node
        if not isinstance(node, Record):
            raise UnfitError
        if not {"cohort_id", "op"} <= {each.name for each in node.fields}:
            raise UnfitError
        source = Source(indent=2)
        source.take(node, Part(_WANTED), example)
        source.judge()
        # Where the external id comes first, nothing else is looked at for who has one.
        others = "identify(x, an if a else None, al if a else None, d)"
        who = f"x or {others}" if self._kinds[0] == "external_id" else others
        lines = [*_HEAD.split("\n"), *source.lines, *_TAIL.replace("WHO", who).split("\n")]
        given: dict[str, Any] = {
            **source.data,
            "frame": frame,
            "identify": identifier(self._kinds),
            "sink": _sink,
            "text": _text,
        }
        loop: Loop = compiled("loop", lines, given)
        return loop


def identifier(
    kinds: Sequence[str],
) -> Callable[[str | None, str | None, str | None, str | None], Member]:
    """Return how a member is found by the first of the identifiers that is there."""

    def identify(
        external: str | None, name: str | None, label: str | None, device: str | None
    ) -> Member:
        for kind in kinds:
            if kind == "external_id" and external:
                return external
            if kind == "alias" and name and label:
                return Alias(name, label)
            if kind == "device_id" and device:
                return Device(device)
        raise DoubtError

    return identify


def _text(raw: str | bytes | None) -> str:
    """Return a text that may stand in its bytes still."""
    if raw is None:
        raise DoubtError
    return raw if isinstance(raw, str) else raw.decode()


def _sink(raw: str | bytes | None, changes: dict[str, Changes], begin: Any) -> Changes:  # noqa: ANN401
    """Return where the changes of a cohort go: asked once a cohort and run."""
    cohort = _text(raw)
    found = changes.get(cohort)
    if found is None:
        found = changes[cohort] = begin(cohort)
    return found
