"""What is read of Avro by source made for a schema is what the slow reader reads, or left to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config.inputs import InputSettings
from daemon.formats.avro_binary import DamagedError
from daemon.formats.avro_reader import whole_reader
from daemon.formats.avro_running import compiled
from daemon.formats.avro_schema import read_schema
from daemon.formats.avro_shape import trace
from daemon.formats.avro_source import Source
from daemon.formats.avro_types import Enum, Field, Node, Plain, Record
from daemon.formats.avro_wanted import UnfitError
from daemon.formats.changes import DoubtError
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from tests.support.avro import KnownSchemas, framed
from tests.support.avro_trees import bodies, damaged, trees
from tests.support.corpus import FakeRecord, run_of_records

TEXT_NODE = Plain("string")
fields_after = st.lists(trees, max_size=3).map(
    lambda kinds: [Field(f"f{at}", kind) for at, kind in enumerate(kinds)]
)
REFUSALS = (DoubtError, DamagedError, UnicodeDecodeError, LookupError)


def quick(examples: int) -> settings:
    """Return the same bounded examples on every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def steps_over(node: Node, example: object) -> Callable[[bytes], bool] | None:
    """Return whether made source goes over a body; None for a schema that it is not made for."""
    source = Source(indent=1)
    try:
        source.take(node, None, example)
        source.judge()
    except UnfitError:
        return None
    head = ["def step(b):", "    e = len(b)", "    p = 0"]
    step = compiled("step", [*head, *source.lines, "    return p == e"], source.data)

    def goes_over(body: bytes) -> bool:
        try:
            return bool(step(body))
        except REFUSALS:
            return False

    return goes_over


def is_read(node: Node, body: bytes) -> bool:
    try:
        whole_reader(node)(body)
    except DamagedError:
        return False
    return True


@quick(300)
@given(st.data())
def test_made_source_goes_over_whole_bodies_and_over_no_damaged_one(data: Any) -> None:  # noqa: ANN401
    node = data.draw(trees)
    first = data.draw(bodies(node))
    for example in (None, whole_reader(node)(first)):
        goes_over = steps_over(node, example)
        if goes_over is None:
            continue
        assert goes_over(first)
        assert goes_over(data.draw(bodies(node)))
        for body in data.draw(st.lists(damaged(bodies(node)) | st.binary(max_size=30), max_size=8)):
            assert is_read(node, body) or not goes_over(body), body


@quick(200)
@given(st.data())
def test_what_has_the_shape_of_a_record_is_one(data: Any) -> None:  # noqa: ANN401
    node = Record((Field("op", Enum(("a", "b"))), Field("id", TEXT_NODE), *data.draw(fields_after)))
    body = data.draw(bodies(node))
    shape = trace(node, body, 0, (), "op")
    assert shape is not None
    assert shape.unpack(body) == (body[:1],)
    enum = 0xFD << 8 * (len(body) - 1)  # Its first byte but for the bit that tells two symbols.
    for noise in data.draw(st.lists(st.binary(min_size=len(body), max_size=len(body)))):
        free = int.from_bytes(noise) & ~shape.mask & ~enum
        other = (shape.left | free).to_bytes(len(body))
        assert is_read(node, other), (body, other)


TEXT = "string"
ADD_OR_REMOVE = {"type": "enum", "name": "Op", "symbols": ["add", "remove"]}
ALIAS = {
    "type": "record",
    "name": "Alias",
    "fields": [{"name": "name", "type": TEXT}, {"name": "label", "type": ["null", TEXT]}],
}
OTHERS: list[Any] = [
    TEXT,
    "long",
    ["null", TEXT],
    ["null", "int"],
    {"type": "array", "items": TEXT},
    {"type": "map", "values": ["null", "double"]},
    {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2},
    "boolean",
]


def one_of(*kinds: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401
    return st.sampled_from(kinds)


fields_of_events = st.fixed_dictionaries(
    {
        "cohort_id": one_of(TEXT, ["null", TEXT], [TEXT, "long"]),
        "op": one_of(ADD_OR_REMOVE, TEXT, ["null", ADD_OR_REMOVE]),
        "external_id": one_of(["null", TEXT], [TEXT, "null"], TEXT, ["null", "long", TEXT]),
    },
    optional={
        "alias": one_of(["null", ALIAS], ALIAS),
        "device_id": one_of(["null", TEXT], TEXT),
        "cohort_name": one_of(["null", TEXT], TEXT, "long"),
        "occurred_at": one_of(["null", "long"], "long"),
        "one": one_of(*OTHERS),
        "two": one_of(*OTHERS),
        "three": one_of(*OTHERS),
    },
)


def schema_of(fields: list[tuple[str, Any]], name: str = "Change") -> str:
    listed = [{"name": field, "type": kind} for field, kind in fields]
    return json.dumps({"type": "record", "name": name, "fields": listed})


def decoders(schemas: dict[int, str | None], **settings_: object) -> tuple[Decoder, Decoder]:
    whole = InputSettings.model_validate({"topic": "t", "encoding": "avro", **settings_})
    known = KnownSchemas(schemas)
    both, slow = (compile_input(whole, selected, known) for _ in range(2))
    assert slow._fast is not None
    slow._fast = None
    return both, slow


def selected(cohort: str) -> bool:
    return cohort != "c"


def assert_same(both: Decoder, slow: Decoder, values: list[bytes | None]) -> None:
    records = [FakeRecord(value, None, (), at) for at, value in enumerate(values)]
    runs = [run_of_records(records), *(run_of_records([record]) for record in records)]
    for run in runs:
        assert both.decode(run) == slow.decode(run)
        stopped = both.decode(run, stop_at_reject=True)
        assert stopped == slow.decode(run, stop_at_reject=True)


ORDERS: list[list[str]] = [
    ["external_id", "alias", "device_id"],
    ["device_id", "alias", "external_id"],
    ["alias"],
]


@pytest.mark.parametrize("match_on", ORDERS)
def test_fast_and_slow_agree_on_native_events(match_on: list[str]) -> None:
    @quick(60)
    @given(st.data())
    def agree(data: Any) -> None:  # noqa: ANN401
        schemas: dict[int, str | None] = {}
        values: list[st.SearchStrategy[bytes | None]] = [st.none()]
        for number in (1, 2):
            fields = data.draw(fields_of_events)
            order = data.draw(st.permutations(list(fields.items())))
            schemas[number] = schema_of(order)
            node = read_schema(schema_of(order)).node
            assert node is not None
            texts = bodies(node)
            values.append((texts | texts | damaged(texts)).map(partial(framed, number)))
        both, slow = decoders(schemas, match_on=match_on)
        assert_same(both, slow, data.draw(st.lists(st.one_of(values), min_size=1, max_size=6)))

    agree()


COLUMNS = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
ON = {"column": "on", "in": [True]}
MAPPINGS: list[dict[str, Any]] = [
    COLUMNS,
    COLUMNS | {"member_when": ON, "cohort_name": {"column": "name"}},
    COLUMNS | {"member_when": {"column": "state", "in": ["vip", None]}},
    COLUMNS | {"member_when": {"column": "number", "in": [0, 7]}, "device_id": {"column": "two"}},
    COLUMNS | {"alias": {"name": {"column": "one"}, "label": {"constant": "email"}}},
    COLUMNS | {"alias": {"name": {"column": "one"}, "label": {"column": "two"}}},
    {**COLUMNS, "cohort_id": {"constant": "vip"}},
]
nullable = one_of("string", ["null", "string"], ["null", "int", "string"], ["long", "null"])
rows = st.fixed_dictionaries(
    {
        "cohort": one_of("string", ["null", "string"], "long"),
        "user": nullable,
        "on": one_of("boolean", ["null", "boolean"]),
        "state": one_of("string", ["null", "string"], ["null", "boolean", "string"]),
        "number": one_of("int", ["null", "long"]),
        "name": one_of("string", ["null", "string"]),
    },
    optional={"one": nullable, "two": nullable, "more": one_of(*OTHERS)},
)
ENVELOPE_OPS = {"type": "enum", "name": "Op", "symbols": ["c", "u", "d", "r", "t"]}


def envelope_of(row: list[tuple[str, Any]], data: Any) -> str:  # noqa: ANN401
    named = json.loads(schema_of(row, "Row"))
    op = data.draw(one_of("string", ENVELOPE_OPS))
    source = {"name": "source", "type": json.loads(schema_of([("ts_ms", "long")], "Source"))}
    fields = [
        {"name": "before", "type": ["null", named]},
        {"name": "after", "type": ["null", "Row"]},
        data.draw(st.sampled_from([source, {"name": "ts_ms", "type": ["null", "long"]}])),
        {"name": "op", "type": op},
    ]
    return json.dumps({"type": "record", "name": "Envelope", "fields": fields})


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_fast_and_slow_agree_on_change_events(mapping: dict[str, Any]) -> None:
    @quick(40)
    @given(st.data())
    def agree(data: Any) -> None:  # noqa: ANN401
        columns = data.draw(rows)
        text = envelope_of(data.draw(st.permutations(list(columns.items()))), data)
        node = read_schema(text).node
        assert node is not None
        both, slow = decoders({1: text}, format="debezium", mapping=mapping)
        texts = bodies(node)
        values = (texts | texts | damaged(texts)).map(partial(framed, 1)) | st.none()
        assert_same(both, slow, data.draw(st.lists(values, min_size=1, max_size=6)))

    agree()
