"""Source made for a schema: bounded, of numbers and our own names, and used where it helps."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from typing import Any

import pytest

from daemon.formats import avro_native, avro_path, avro_running
from daemon.formats.avro_shape import Shapes
from daemon.formats.avro_source import LINES_MAX, Source
from daemon.formats.avro_types import Field, Node, Plain, Record, Repeated
from daemon.formats.avro_wanted import UnfitError
from daemon.formats.decode import Decoder, Gathered
from daemon.formats.selection import ALL
from daemon.kafka.records import Reason
from tests.support.avro import avro, framed, written
from tests.support.corpus import CORPUS, FakeRecord, load, run_of_records
from tests.support.rows import outcome, read

OP = {"type": "enum", "name": "Op", "symbols": ["add", "remove"]}
EVENT: dict[str, Any] = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "cohort_id", "type": "string"},
        {"name": "op", "type": OP},
        {"name": "external_id", "type": ["null", "string"]},
        {"name": "at", "type": "long"},
        {"name": "note", "type": "string"},
    ],
}
VALUE = {"cohort_id": "vip", "op": "add", "external_id": "u1", "at": 1_764_000_000_000, "note": "x"}
HOSTILE = '"]\nraise SystemExit #'


def taken(decoder: Decoder, *values: bytes | None) -> int:
    """Return how many of the records the fast path takes."""
    assert decoder._fast is not None
    run = run_of_records([FakeRecord(value, _offset=at) for at, value in enumerate(values)])
    return decoder._fast.take(run, 0, Gathered(), ALL)


def grown(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {**EVENT, "fields": [*EVENT["fields"], *fields]}


def test_good_events_are_taken_and_the_first_doubtful_one_ends_it() -> None:
    decoder = avro({1: json.dumps(EVENT)})
    good = written(EVENT, VALUE)

    assert taken(decoder, good, good, good) == 3
    assert taken(decoder, good, good[:-1], good) == 1
    assert taken(decoder, good, None) == 1


def test_records_of_two_schemas_are_taken_in_their_order() -> None:
    newer = grown([{"name": "more", "type": ["null", "string"], "default": None}])
    decoder = avro({1: json.dumps(EVENT), 2: json.dumps(newer)})
    first, last = written(EVENT, VALUE), written(newer, VALUE | {"op": "remove", "more": "x"}, 2)

    assert taken(decoder, first, last, last, first, last) == 5
    run = [FakeRecord(value, _offset=at) for at, value in enumerate((first, last))]
    assert outcome(decoder.decode(run_of_records(run))) == {"vip": {"u1": False}}


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({"note": "x" * 63}, "the longest text of one byte"),
        ({"note": "x" * 64}, "a text whose length takes two bytes"),
        ({"note": "ünï"}, "a text that is not ASCII"),
        ({"external_id": "ü" * 100}, "a long id"),
        ({"at": 0}, "a small number where the first was large"),
        ({"at": -(2**63)}, "the longest number"),
    ],
)
def test_what_differs_from_the_first_record_is_taken_too(change: dict[str, Any], how: str) -> None:
    decoder = avro({1: json.dumps(EVENT)})
    other = written(EVENT, VALUE | change)

    assert taken(decoder, written(EVENT, VALUE), other) == 2, how
    assert outcome(read(decoder, other)) == {"vip": {change.get("external_id", "u1"): True}}


@pytest.mark.parametrize(
    "body",
    [
        b"\x06vip\x00\x02\x04u1\x00\x04ab",  # At the end a text of one byte more than there is,
        b"\x06vip\x00\x02\x04u1\x00\x02\xff",  # one that is not UTF-8, which nobody reads,
        b"\x06vip\x01\x02\x04u1\x00\x02x",  # a place of -1 in the enum,
        b"\x06vip\x04\x02\x04u1\x00\x02x",  # one of 2,
        b"\x06vip\x00\x04\x04u1\x00\x02x",  # of 2 in the union,
        b"\x06vip\x00\x02\x05u1\x00\x02x",  # a length below zero,
        b"\x06vip\x00\x02\x04u1" + b"\xff" * 10 + b"\x00\x02x",  # and a number of eleven bytes.
    ],
)
def test_what_is_damaged_is_never_taken(body: bytes) -> None:
    decoder = avro({1: json.dumps(EVENT)})
    damaged = framed(1, body[:-1] if body.endswith(b"ab") else body)

    assert taken(decoder, written(EVENT, VALUE), damaged) == 1
    assert outcome(read(decoder, damaged)) is Reason.INVALID_AVRO


def test_no_text_of_a_schema_becomes_source(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = avro_running.compiled

    def keeping(name: str, lines: list[str], given: dict[str, Any]) -> Any:  # noqa: ANN401
        made.append("\n".join(lines))
        return original(name, lines, given)

    monkeypatch.setattr(avro_native, "compiled", keeping)
    names = [HOSTILE, "b[0]", "import os", "__import__", "x; exit()", "cohort_id'"]
    fields: list[dict[str, Any]] = [{"name": name, "type": "string"} for name in names]
    inner = {"type": "record", "name": "In", "fields": fields}
    schema = grown([*fields, {"name": "in", "type": ["null", inner]}])
    value = VALUE | dict.fromkeys(names, HOSTILE) | {"in": dict.fromkeys(names, "x")}

    plain, hostile = avro({1: json.dumps(EVENT)}), avro({1: json.dumps(schema)})

    assert taken(plain, written(EVENT, VALUE)) == 1
    assert taken(hostile, written(schema, value)) == 1
    trees = [ast.parse(text) for text in made]
    names_in = [{n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} for tree in trees]
    numbered = {f"{letter}{number}" for letter in "qe" for number in range(40)}
    assert len(made) == 4  # By shape and plainly.
    assert names_in[2] - numbered == names_in[0] - numbered
    assert names_in[3] - numbered == names_in[1] - numbered
    constants = [n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    assert {each for each in constants if isinstance(each, str)} == {"add", "remove"}


@pytest.mark.parametrize(
    "node",
    [
        Record(tuple(Field(f"f{at}", Plain("string")) for at in range(LINES_MAX))),
        Repeated(Repeated(Repeated(Repeated(Repeated(Repeated(Repeated(Repeated(Repeated(
            Plain("int"), False), False), False), False), False), False), False), False), False),
    ],
    ids=["too many fields", "too many loops"],
)  # fmt: skip
def test_source_is_bounded(node: Node) -> None:
    source = Source(indent=1)

    with pytest.raises(UnfitError):
        source.take(node, None, None)

    assert len(source.lines) <= LINES_MAX


def test_a_schema_that_is_too_large_is_read_slowly() -> None:
    many: list[dict[str, Any]] = [{"name": f"f{at}", "type": "string"} for at in range(600)]
    schema = grown(many)
    value = written(schema, VALUE | {each["name"]: "x" for each in many})
    decoder = avro({1: json.dumps(schema)})

    assert taken(decoder, value) == 0
    assert outcome(read(decoder, value)) == {"vip": {"u1": True}}


@pytest.mark.parametrize(
    "kind",
    [
        "long",  # A number is no external id,
        {"type": "array", "items": "string"},
        "bytes",
    ],
)
def test_a_wanted_field_of_another_type_is_left_to_the_slow_path(kind: object) -> None:
    fields = [each for each in EVENT["fields"] if each["name"] != "external_id"]
    schema = {**EVENT, "fields": [*fields, {"name": "external_id", "type": kind}]}
    value = {"long": 7, "bytes": b"u1"}.get(str(kind), ["u1"])
    decoder = avro({1: json.dumps(schema)})

    assert taken(decoder, written(schema, VALUE | {"external_id": value})) == 0


def test_a_loop_that_differs_from_the_slow_reader_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = written(EVENT, VALUE)
    monkeypatch.setattr(avro_native, "_TAIL", avro_native._TAIL.replace('== "add"', '!= "add"'))
    decoder = avro({1: json.dumps(EVENT)})

    assert taken(decoder, good) == 0
    assert outcome(read(decoder, good)) == {"vip": {"u1": True}}


def test_a_bounded_number_of_loops_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avro_path, "_LOOPS_MAX", 2)
    decoder = avro({number: json.dumps(EVENT) for number in range(1, 8)})

    assert decoder._fast is not None
    for number in (*range(1, 8), 6, 7):
        run = run_of_records([FakeRecord(written(EVENT, VALUE, number), _offset=number)])
        assert decoder._fast.take(run, 0, Gathered(), ALL) == 1

    assert isinstance(decoder._fast, avro_path.AvroPath)
    assert len(decoder._fast._known) <= 2


def test_captured_change_events_are_taken_with_their_tombstones() -> None:
    document = json.loads((CORPUS / "avro-schemas.json").read_text())
    schemas = {int(number): json.dumps(schema) for number, schema in document["schemas"].items()}
    columns = {"cohort_id": {"column": "cohort_id"}, "external_id": {"column": "external_id"}}
    mapping = columns | {"member_when": {"column": "active", "in": [True]}}
    decoder = avro(schemas, format="debezium", mapping=mapping)
    run = load("envelope-avro-derived.jsonl")["avro.whs.public.cohort_membership"]
    values = [record.value() for record in run.records]

    assert None in values
    assert taken(decoder, *values[:-1]) >= len(values) - 2


def test_a_column_that_decides_and_is_not_in_the_schema_is_left_to_the_slow_path() -> None:
    row = {"type": "record", "name": "Row", "fields": [{"name": "cohort", "type": "string"}]}
    schema = {"type": "record", "name": "Envelope", "fields": [
        {"name": "op", "type": "string"},
        {"name": "before", "type": ["null", row]},
        {"name": "after", "type": ["null", "Row"]},
    ]}  # fmt: skip
    who = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
    event = written(schema, {"op": "c", "before": None, "after": {"cohort": "vip"}})
    without = {**who, "member_when": {"column": "on", "in": [True]}}

    decoder = avro({1: json.dumps(schema)}, format="debezium", mapping=without)

    assert taken(decoder, event) == 0
    assert outcome(read(decoder, event)) is Reason.MISSING_COLUMN


def test_a_record_of_a_known_shape_says_what_it_says_and_is_taken() -> None:
    decoder = avro({1: json.dumps(EVENT)})
    first = written(EVENT, VALUE)
    same = {"cohort_id": "new", "op": "remove", "external_id": "u2", "at": 1_764_000_000_001}

    assert taken(decoder, first, written(EVENT, VALUE | same)) == 2
    assert outcome(read(decoder, written(EVENT, VALUE | same))) == {"new": {"u2": False}}


@pytest.mark.parametrize(
    ("at", "kind", "more"),
    [
        (1_764_000_000_000, "boolean", True),
        (-(2**63), "int", -(2**31)),  # As long as numbers get: more would be too large.
        (0, {"type": "bytes", "logicalType": "decimal", "precision": 9}, Decimal(7)),
        (0, {"type": "enum", "name": "Kind", "symbols": ["a", "b", "c"]}, "b"),
        (0, {"type": "array", "items": ["null", "double"]}, [None, 1.5]),
        (0, {"type": "map", "values": "string"}, {"k": "v"}),
    ],
)
def test_every_byte_of_a_known_shape_is_held_to_what_it_may_be(
    at: int, kind: object, more: object
) -> None:
    schema = grown([{"name": "more", "type": kind}])
    decoder, slow = avro({1: json.dumps(schema)}), avro({1: json.dumps(schema)})
    slow._fast = None
    good = written(schema, VALUE | {"at": at, "more": more})
    assert taken(decoder, good, good) == 2
    rejects = 0
    for place in range(len(good)):
        for byte in (0, 1, 2, 4, 6, 0x31, 0x7F, 0x80, 0xC3, 0xFF):
            other = good[:place] + bytes([byte]) + good[place + 1 :]
            run = [FakeRecord(each, _offset=at) for at, each in enumerate((good, other, good))]
            said = decoder.decode(run_of_records(run))
            assert said == slow.decode(run_of_records(run)), (place, byte)
            rejects += len(said.rejects)
    assert rejects > 50


@pytest.mark.parametrize("place", [b"\x01", b"\x06", b"\x80", b"\xff"])
def test_a_place_that_an_enum_has_not_is_no_good_where_nobody_reads_it(place: bytes) -> None:
    kind = {"type": "enum", "name": "Kind", "symbols": ["a", "b", "c"]}
    schema = grown([{"name": "kind", "type": kind}])
    decoder = avro({1: json.dumps(schema)})
    good = written(schema, VALUE | {"kind": "c"})

    assert taken(decoder, good, good[:-1] + place, good) == 1


def test_where_no_shape_lasts_none_is_looked_for() -> None:
    decoder = avro({1: json.dumps(EVENT)})
    lengths = [(7 * at) % 50 for at in range(1_500)]
    values = [
        written(EVENT, VALUE | {"note": "x" * (50 - size), "external_id": "u" * (1 + size)})
        for size in lengths
    ]

    for _ in range(2):
        assert taken(decoder, *values) == len(values)

    assert isinstance(decoder._fast, avro_path.AvroPath)
    (known,) = decoder._fast._known.values()
    (shapes,) = [
        cell.cell_contents
        for cell in known.loop.__closure__ or ()  # type: ignore[union-attr]
        if isinstance(cell.cell_contents, Shapes)
    ]
    assert shapes.is_useless


def change_events() -> tuple[dict[str, Any], Decoder]:
    """Return the schema of a small table's events, and their decoder."""
    row = {"type": "record", "name": "Row", "fields": [
        {"name": "cohort", "type": "string"},
        {"name": "user", "type": ["null", "long"]},
    ]}  # fmt: skip
    schema = {"type": "record", "name": "Envelope", "fields": [
        {"name": "before", "type": ["null", row]},
        {"name": "after", "type": ["null", "Row"]},
        {"name": "op", "type": "string"},
    ]}  # fmt: skip
    who = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
    return schema, avro({1: json.dumps(schema)}, format="debezium", mapping=who)


@pytest.mark.parametrize(
    ("op", "before", "after", "changes", "count"),
    [
        ("c", None, ("vip", 7), {"vip": {"7": True}}, 1),
        ("u", ("vip", 7), ("vip", 7), {"vip": {"7": True}}, 1),
        ("u", ("vip", 7), ("new", 7), {"vip": {"7": False}, "new": {"7": True}}, 2),
        ("u", ("vip", 7), ("vip", 8), {"vip": {"7": False, "8": True}}, 2),
        ("d", ("vip", 7), None, {"vip": {"7": False}}, 1),
    ],
)
def test_an_update_that_moves_a_row_is_two_changes(
    op: str, before: Any, after: Any, changes: object, count: int  # noqa: ANN401
) -> None:  # fmt: skip
    schema, decoder = change_events()
    images = [row and dict(zip(("cohort", "user"), row, strict=True)) for row in (before, after)]
    event = written(schema, {"op": op, "before": images[0], "after": images[1]})

    decoded = read(decoder, event)

    assert taken(decoder, event) == 1
    assert (outcome(decoded), decoded.change_set.count) == (changes, count)


@pytest.mark.parametrize(
    ("op", "row"), [("t", ("vip", 7)), ("d", ("vip", 0)), ("c", ("vip", None)), ("c", None)]
)
def test_what_takes_thought_is_left_to_the_slow_path(op: str, row: Any) -> None:  # noqa: ANN401
    schema, decoder = change_events()
    image = row and dict(zip(("cohort", "user"), row, strict=True))
    event = written(schema, {"op": op, "before": image, "after": image})

    assert taken(decoder, event) == 0


def test_a_change_event_that_goes_on_or_is_cut_short_is_not_taken() -> None:
    schema, decoder = change_events()
    event = written(schema, {"op": "c", "before": None, "after": {"cohort": "vip", "user": 7}})

    assert taken(decoder, event, event) == 2
    assert taken(decoder, event, event + b"\x00") == 1
    assert taken(decoder, event, event[:-1]) == 1


def test_few_loops_are_made_for_a_run_and_the_rest_is_read_slowly() -> None:
    count = avro_path._MADE_A_RUN_MAX + 3
    decoder = avro({number: json.dumps(EVENT) for number in range(1, count + 1)})
    values = [written(EVENT, VALUE, number) for number in range(1, count + 1)]
    records = [FakeRecord(value, _offset=at) for at, value in enumerate(values)]

    decoded = decoder.decode(run_of_records(records))

    assert isinstance(decoder._fast, avro_path.AvroPath)
    assert len(decoder._fast._known) == avro_path._MADE_A_RUN_MAX
    assert (outcome(decoded), decoded.change_set.count) == ({"vip": {"u1": True}}, count)


def test_topics_that_share_a_schema_share_its_loop() -> None:
    row = {"type": "record", "name": "Row", "fields": [{"name": "user", "type": "string"}]}
    schema = {"type": "record", "name": "Envelope", "fields": [
        {"name": "before", "type": ["null", row]},
        {"name": "after", "type": ["null", "Row"]},
        {"name": "op", "type": "string"},
    ]}  # fmt: skip
    who = {"cohort_id": {"topic": "(.*)"}, "external_id": {"column": "user"}}
    decoder = avro({1: json.dumps(schema)}, format="debezium", mapping=who)
    event = written(schema, {"op": "c", "before": None, "after": {"user": "u1"}})

    assert isinstance(decoder._fast, avro_path.AvroPath)
    loops = []
    for topic in ("vip", "new", "vip"):
        assert outcome(read(decoder, event, topic=topic)) == {topic: {"u1": True}}
        loops += [known.loop for known in decoder._fast._known.values()]
    assert loops[0] is not None
    assert loops == [loops[0]] * 3
