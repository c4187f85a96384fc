"""The loop over native events of one schema: decoded and gathered by source made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from daemon.core.model import Alias, Changes, Device, Member
from daemon.formats.avro import FRAME_BYTES
from daemon.formats.avro_path import Loop
from daemon.formats.avro_running import compiled
from daemon.formats.avro_schema import WriterSchema
from daemon.formats.avro_shape import Shape, Shapes, trace
from daemon.formats.avro_source import CHOICES_MAX, Source
from daemon.formats.avro_types import Enum, Record
from daemon.formats.avro_wanted import Leaf, Part, UnfitError
from daemon.formats.changes import DoubtError
from daemon.formats.decode import Gathered
from daemon.formats.json_limits import RECORD_BYTES_MAX
from daemon.formats.selection import Selection
from daemon.kafka.records import Record as Message

_WANTED: Final[dict[str, Leaf | Part]] = {
    "cohort_id": Leaf("c", raw=True),
    "op": Leaf("o"),
    "external_id": Leaf("x"),
    "alias": Part({"name": Leaf("an"), "label": Leaf("al")}, present="a"),
    "device_id": Leaf("d"),
    "cohort_name": Leaf("cn"),
}
# What a shape knows the place of, and the variables it goes to.
_PLACED: Final = {"cohort_id": "c", "external_id": "x", "op": "o"}
_HEAD: Final = """\
def loop(left, into, selection, topic):
    changes, names, begin = into.changes, into.names, selection.begin
    sinks = {}
    x = a = an = al = d = cn = None
    for r in left:
        b = r.value()
        if b is None:
            raise doubt
        e = len(b)"""
# The head of the reading by shape, and what takes the place of reading where a shape is met.
_SHAPED: Final = """\
        s = shape_of(e)
        if s is not None:
            mask, rest, unpack = s
            if number_of(b) & mask != rest:
                s = None
        if s is None:"""
_BY_SHAPE: Final = """\
            if x and not a and not d and not cn:
                missed(b, r)
        else:
            FIELDS = unpack(b)
            x = x.decode()
            o = symbols[o]
            a = d = cn = None"""
_BEGIN: Final = f"""\
if b[:{FRAME_BYTES}] != frame:
    return r
p = {FRAME_BYTES}"""
_END: Final = f"""\
if p != e or e > {RECORD_BYTES_MAX}:
    raise doubt"""
_TAIL: Final = """\
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

    def __call__(self, frame: bytes, schema: WriterSchema, example: object) -> Loop:
        """See `WriteLoop`: fit is a record that has a cohort and an operation."""
        node = schema.node
        if not isinstance(node, Record):
            raise UnfitError
        types = {each.name: each.node for each in node.fields}
        if not {"cohort_id", "op"} <= types.keys():
            raise UnfitError
        plain = self._compiled(node, example, {"frame": frame})
        op = types["op"]
        if not isinstance(op, Enum) or "external_id" not in types or len(types) < len(node.fields):
            return plain

        def shape_of(data: bytes) -> Shape | None:
            return trace(node, data, FRAME_BYTES, ("cohort_id", "external_id"), "op")

        shapes = Shapes(shape_of)
        given: dict[str, Any] = {
            "frame": frame,
            "shape_of": shapes.by_length.get,
            "number_of": int.from_bytes,
            "missed": shapes.missed,
            "symbols": {
                bytes((2 * place,)): symbol for place, symbol in enumerate(op.symbols[:CHOICES_MAX])
            },
        }
        return _shaped(self._compiled(node, example, given), plain, shapes)

    def _compiled(self, node: Record, example: object, given: dict[str, Any]) -> Loop:
        is_shaped = "shape_of" in given
        source = Source(indent=3 if is_shaped else 2)
        source.add(*_BEGIN.split("\n"))
        source.take(node, Part(_WANTED), example)
        source.judge()
        source.add(*_END.split("\n"))
        # Where the external id comes first, nothing else is looked at for who has one.
        others = "identify(x, an if a else None, al if a else None, d)"
        who = f"x or {others}" if self._kinds[0] == "external_id" else others
        tail = _TAIL.replace("WHO", who)
        placed = ", ".join(_PLACED[each.name] for each in node.fields if each.name in _PLACED)
        by_shape = _BY_SHAPE.replace("FIELDS", placed)
        shaped = (_SHAPED.split("\n"), by_shape.split("\n")) if is_shaped else ([], [])
        lines = [*_HEAD.split("\n"), *shaped[0], *source.lines, *shaped[1], *tail.split("\n")]
        rest = {"identify": identifier(self._kinds), "sink": _sink, "text": _text}
        loop: Loop = compiled("loop", lines, {**source.data, **rest, **given})
        return loop


def _shaped(by_shape: Loop, plain: Loop, shapes: Shapes) -> Loop:
    """Return a loop that looks for shapes as long as most records have one."""

    def loop(
        left: Iterator[Message], into: Gathered, selection: Selection, topic: str
    ) -> Message | None:
        shapes.begin()
        return (plain if shapes.is_useless else by_shape)(left, into, selection, topic)

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
