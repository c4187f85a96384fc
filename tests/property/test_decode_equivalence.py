"""The fast path gives the answer of the slow, obvious one, whatever stands in a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config.inputs import InputSettings
from daemon.formats import decode
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from daemon.formats.values import UNAVAILABLE
from tests.support.corpus import load, run_of


def quick(examples: int) -> settings:
    """Return the same bounded examples on every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


odd = st.sampled_from([None, "", 0, 1, 7, -3, 1.0, 1.5, True, False, "a\0b", "é" * 300, "x" * 513])
odd_json = odd | st.sampled_from([UNAVAILABLE, [], ["u1"], {}, {"name": "n"}, 2**70, "😀", "1"])
cohort_ids = st.sampled_from(["vip", "new", "out"])
ids = st.sampled_from(["u1", "u2", "u3", "ünï"])
good_event = st.fixed_dictionaries(
    {"cohort_id": cohort_ids, "op": st.sampled_from(["add", "remove"]), "external_id": ids},
    optional={"cohort_name": ids | st.none(), "alias": st.none(), "occurred_at": odd_json},
)
alias = st.fixed_dictionaries({}, optional={"name": ids | odd_json, "label": ids | odd_json})
any_event = st.fixed_dictionaries(
    {},
    optional={
        "cohort_id": cohort_ids | odd_json,
        "op": st.sampled_from(["add", "remove", "Add", None, 1]),
        "external_id": ids | odd_json,
        "alias": alias | odd_json,
        "device_id": ids | odd_json,
        "cohort_name": ids | odd_json,
        "other": odd_json,
    },
)
good_row = st.fixed_dictionaries({"cohort": cohort_ids, "user": ids, "on": st.booleans()})
any_row = st.fixed_dictionaries(
    {},
    optional={
        "cohort": cohort_ids | odd_json,
        "user": ids | odd_json,
        "on": odd_json,
        "email": ids | odd_json,
        "kind": ids | odd_json,
        "device": ids | odd_json,
        "name": ids | odd_json,
    },
)


def envelopes(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    images = st.none() | rows
    return st.fixed_dictionaries(
        {"op": st.sampled_from("crud"), "before": images, "after": images},
        optional={"source": st.just({"ts_ms": 5}), "ts_ms": st.just(1)},
    )


strange = st.sampled_from(
    [{"ts_ms": 1}, {"op": "t"}, {"op": "m"}, {"op": 1}, {"after": None}, [], 1]
)
events = envelopes(good_row) | envelopes(good_row | any_row | odd_json) | strange


def wrap(payload: object) -> dict[str, object]:
    decimal = {"field": "user", "name": "org.apache.kafka.connect.data.Decimal"}
    sides = [{"field": side, "fields": [decimal]} for side in ("before", "after")]
    return {"schema": {"fields": sides if payload == 1 else []}, "payload": payload}


wrapped = st.builds(wrap, events)


def to_bytes(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def damaged(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some bytes of a good record replaced by others."""
    pieces = st.sampled_from(
        [b"", b'"', b"}", b"{", b"[", b"\xff", b"\\", b"1e999", b"\\ud800", b" "]
    )

    def damage(text: bytes, at: int, size: int, piece: bytes) -> bytes:
        at %= len(text) + 1
        return text[:at] + piece + text[at + size :]

    return st.builds(damage, texts, st.integers(0, 2000), st.integers(0, 3), pieces)


def selected(cohort: str) -> bool:
    return cohort != "out"


def debezium(**mapping: object) -> partial[Decoder]:
    base = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
    whole = {"topic": "t", "format": "debezium", "mapping": base | mapping}
    return partial(compile_input, InputSettings.model_validate(whole))


ALIAS = {"name": {"column": "email"}, "label": {"column": "kind"}}
CONSTANT = {"name": {"column": "email"}, "label": {"constant": "email"}}
ON = {"column": "on", "in": [True]}
MAPPINGS = [
    debezium(),
    debezium(member_when=ON, cohort_name={"column": "name"}),
    debezium(member_when={"column": "on", "in": [1, None]}, alias=CONSTANT),
    debezium(
        alias=ALIAS, device_id={"column": "device"}, member_when={"column": "on", "in": ["1"]}
    ),
    debezium(cohort_id={"constant": "vip"}, occurred_at={"column": "on"}),
    debezium(cohort_id={"topic": "(t)"}, external_id=None, alias=ALIAS),
    partial(debezium(member_when=ON), selected),
]
NATIVES: list[Callable[[], Decoder]] = [
    partial(compile_input, InputSettings(topic="t")),
    partial(
        compile_input, InputSettings(topic="t", match_on=("device_id", "alias", "external_id"))
    ),
    partial(compile_input, InputSettings(topic="t"), selected),
]


def assert_same(make: Callable[[], Decoder], values: list[bytes | None]) -> None:
    both, slow = make(), make()
    slow._fast = None

    for _ in range(2):  # The second time with warm caches.
        assert both.decode(run_of(*values)) == slow.decode(run_of(*values))
    for value in values:
        assert both.decode(run_of(value)) == slow.decode(run_of(value))
    stopped = both.decode(run_of(*values), stop_at_reject=True)
    assert stopped == slow.decode(run_of(*values), stop_at_reject=True)
    assert len(stopped.rejects) <= 1


@pytest.mark.parametrize("make", NATIVES)
def test_fast_and_slow_agree_on_native_events(make: Callable[[], Decoder]) -> None:
    texts = (good_event | any_event).map(to_bytes)
    records = good_event.map(to_bytes) | texts | damaged(texts) | st.none()

    @quick(80)
    @given(st.lists(records, min_size=1, max_size=6))
    def agree(values: list[bytes | None]) -> None:
        assert_same(make, values)

    agree()


@pytest.mark.parametrize("make", MAPPINGS)
def test_fast_and_slow_agree_on_change_events(make: Callable[[], Decoder]) -> None:
    texts = (events | wrapped).map(to_bytes)
    good = envelopes(good_row).map(to_bytes)
    records = st.lists(good | texts | damaged(texts) | st.none(), min_size=1, max_size=5)
    alike = st.lists(envelopes(good_row).map(wrap).map(to_bytes), min_size=1, max_size=5)

    @quick(60)
    @given(records | alike)
    def agree(values: list[bytes | None]) -> None:
        assert_same(make, values)

    agree()


@pytest.mark.parametrize("bad", [b"{", b'{"op":1}', None])
@pytest.mark.parametrize("make", [NATIVES[0], MAPPINGS[1], MAPPINGS[4]])
def test_fast_and_slow_agree_on_a_run_of_many_pieces(
    make: Callable[[], Decoder], bad: bytes | None
) -> None:
    size = decode._PIECE
    rows = [{"cohort": "vip", "user": f"u{n}", "on": n % 3 > 0, "name": None} for n in range(size)]
    good = [
        to_bytes({"op": "c", "before": None, "after": row})
        if make is not NATIVES[0]
        else to_bytes({"cohort_id": row["cohort"], "op": "add", "external_id": row["user"]})
        for row in rows * 3
    ]
    edges = {0, size - 1, size, size + 1, 2 * size + 9, 3 * size - 1}
    values = [bad if at in edges else value for at, value in enumerate(good)]
    both, slow = make(), make()
    slow._fast = None

    decoded = both.decode(run_of(*values))

    assert decoded == slow.decode(run_of(*values))
    assert decoded.change_set.count == len(values) - len(edges)


@pytest.mark.parametrize("name", ["envelope-plain.jsonl", "envelope-schemas.jsonl"])
def test_fast_and_slow_agree_on_damaged_captures(name: str) -> None:
    (run,) = (run for topic, run in load(name).items() if topic.endswith("cohort_membership"))
    captured = [record.value() for record in run.records]
    settings_ = {"cohort_id": {"column": "cohort_id"}, "external_id": {"column": "external_id"}}
    make = debezium(**settings_, member_when={"column": "active", "in": [True]})
    values = st.sampled_from([value for value in captured if value is not None])

    @quick(60)
    @given(st.lists(values | damaged(values), min_size=1, max_size=3))
    def agree(values: list[bytes | None]) -> None:
        assert_same(make, values)

    agree()


@pytest.mark.parametrize("make", [NATIVES[0], MAPPINGS[3]])
def test_no_bytes_make_a_decoder_raise(make: Callable[[], Decoder]) -> None:
    decoder = make()

    @quick(200)
    @given(st.lists(st.binary(max_size=60) | st.none(), min_size=1, max_size=4))
    def never_raises(values: list[bytes | None]) -> None:
        decoded = decoder.decode(run_of(*values))

        accounted = len(decoded.rejects) + sum(decoded.ignored.values())
        assert accounted <= len(values) <= accounted + decoded.change_set.count

    never_raises()


@quick(100)
@given(st.lists(good_event, min_size=1, max_size=20))
def test_a_good_run_is_the_plain_fold_of_its_events(run: list[dict[str, Any]]) -> None:
    decoded = NATIVES[0]().decode(run_of(*run))

    folded: dict[str, dict[str, bool]] = {}
    for event in run:
        folded.setdefault(event["cohort_id"], {})[event["external_id"]] = event["op"] == "add"
    assert decoded.change_set.changes == folded
    assert decoded.change_set.count == len(run)
