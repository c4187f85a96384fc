"""Every captured record, as the notes on the capture say it must be read.

The tables below were written by hand from the statements that produced the records.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from daemon.config.inputs import InputSettings
from daemon.core.model import Alias
from daemon.formats.decode import Decoded, Decoder
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason, Run
from tests.support.corpus import load, run_of_records

Expected: TypeAlias = list[object]

PAIR = {"cohort_id": {"column": "cohort_id"}, "external_id": {"column": "external_id"}}
WHILE_ACTIVE = PAIR | {"member_when": {"column": "active", "in": [True]}}
UNICODE = 'ünï😀 "q" \\ ,'


def decoder(mapping: dict[str, Any]) -> Decoder:
    return compile_input(
        InputSettings.model_validate({"pattern": "^w", "format": "debezium", "mapping": mapping})
    )


def add(cohort: str, *users: str) -> dict[str, dict[str, bool]]:
    return {cohort: dict.fromkeys(users, True)}


def remove(cohort: str, user: str) -> dict[str, dict[str, bool]]:
    return {cohort: {user: False}}


MEMBERSHIP: Expected = [
    add("c-snap", "u-snap-1"),  # op r
    add("c-snap", "u-snap-2"),
    add("c1", "u1"),  # 1 insert
    remove("c1", "u1"),  # 2 active=false
    remove("c1", "u1"),  # 3 a no-op update is a record too
    remove("c1", "u1"),  # 4 a change of the primary key: delete,
    "tombstone",
    remove("c1", "u1-renamed"),  #   and create, while inactive
    remove("c1", "u1-renamed"),  # 5 delete
    "tombstone",
    add("c2", "bulk-1"),  # 6 one transaction
    add("c2", "bulk-2"),
    add("c2", "bulk-3"),
    remove("c2", "bulk-2"),
    add("c-special", "infinity"),  # 10
    add("c-unicode", UNICODE),
    Reason.TRUNCATE,  # 13
]
DEFAULT_IDENTITY: Expected = [
    add("c-snap", "d-1"),
    add("c2", "d-2"),  # 6
    remove("c-snap", "d-1"),  # 8 active=false; before is null
    Reason.MISSING_COHORT,  # a new id: a delete of "" in "", never taken literally
    "tombstone",
    add("c2", "d-2"),
    Reason.MISSING_COHORT,  # delete
    "tombstone",
    add("c-toast", "t-1"),  # 11
    remove("c-toast", "t-1"),  # the note was not sent, and nobody asked for it
    add("c2", "d-3"),  # 12 with a column named source
]
NO_KEY: Expected = [
    add("c-snap", "np-1"),
    add("c3", "np-2"),  # 9
    remove("c3", "np-2"),
    "tombstone",
    Reason.TRUNCATE,
]
INCREMENTAL: Expected = [
    *(add("c-inc", f"inc-{n}") for n in (1, 2)),
    *(add("c-inc", f"inc-{n}") for n in (1, 2)),
]
REPLAY: Expected = [
    add("c-dup", "snap"),
    add("c-dup", "d1"),
    remove("c-dup", "d1"),
    remove("c-dup", "d1"),
    "tombstone",
    add("c-dup", "d1"),  # The same four again.
    remove("c-dup", "d1"),
    remove("c-dup", "d1"),
    "tombstone",
    add("c-dup", "d1"),  # New.
]

FILES: dict[str, dict[str, tuple[dict[str, Any], Expected]]] = {
    "envelope-schemas.jsonl": {
        "__debezium-heartbeat.whs": (WHILE_ACTIVE, ["heartbeat"] * 2),
        "whs.message": (WHILE_ACTIVE, ["message"]),
        "whs.public.cohort_membership": (WHILE_ACTIVE, MEMBERSHIP),
        "whs.public.membership_default_ident": (WHILE_ACTIVE, DEFAULT_IDENTITY),
        "whs.public.membership_nopk": (PAIR, NO_KEY),
        "whs.transaction": (WHILE_ACTIVE, ["transaction"] * 36),
    },
    "envelope-plain.jsonl": {
        "__debezium-heartbeat.wns": (WHILE_ACTIVE, ["heartbeat"] * 2),
        "wns.message": (WHILE_ACTIVE, ["message"]),
        "wns.public.cohort_membership": (WHILE_ACTIVE, MEMBERSHIP + INCREMENTAL),
        "wns.public.membership_default_ident": (WHILE_ACTIVE, DEFAULT_IDENTITY),
        "wns.public.membership_nopk": (PAIR, NO_KEY),
        "wns.public.debezium_signal": (WHILE_ACTIVE, ["signal"] * 5),
        "wns.transaction": (WHILE_ACTIVE, ["transaction"] * 48),
    },
    "replay-after-kill.jsonl": {"wdup2.public.cohort_membership": (WHILE_ACTIVE, REPLAY)},
}
CASES = [(name, topic) for name, topics in FILES.items() for topic in topics]


def said_of(decoded: Decoded) -> object:
    """Return what became of a single record: changes, the rule that ignored it, or a reason."""
    said: list[object] = [*decoded.ignored, *(reject.reason for reject in decoded.rejects)]
    if decoded.change_set.changes:
        said.append(dict(decoded.change_set.changes))
    (only,) = said
    return only


@pytest.mark.parametrize(("name", "topic"), CASES)
def test_every_captured_record_is_read_as_it_was_meant(name: str, topic: str) -> None:
    mapping, expected = FILES[name][topic]
    run = load(name)[topic]
    decode = decoder(mapping).decode

    said = [said_of(decode(run_of_records([record], topic=topic))) for record in records_of(run)]

    assert said == expected


@pytest.mark.parametrize("name", FILES)
def test_the_table_names_every_topic_of_the_capture(name: str) -> None:
    assert load(name).keys() == FILES[name].keys()


@pytest.mark.parametrize(("name", "topic"), CASES)
def test_a_captured_topic_as_one_run_is_the_fold_of_its_records(name: str, topic: str) -> None:
    mapping, expected = FILES[name][topic]
    run = load(name)[topic]

    decoded = decoder(mapping).decode(run)

    folded: dict[str, dict[str, bool]] = {}
    for said in expected:
        if isinstance(said, dict):
            for cohort, changes in said.items():
                folded.setdefault(cohort, {}).update(changes)
    reasons = [said for said in expected if isinstance(said, Reason)]
    assert dict(decoded.change_set.changes) == folded
    assert [reject.reason for reject in decoded.rejects] == reasons
    assert sum(decoded.ignored.values()) == sum(type(said) is str for said in expected)


def test_a_replay_of_the_connector_ends_in_the_last_state() -> None:
    run = load("replay-after-kill.jsonl")["wdup2.public.cohort_membership"]

    decoded = decoder(WHILE_ACTIVE).decode(run)

    assert decoded.change_set.changes == {"c-dup": {"snap": True, "d1": True}}


def test_deletes_under_the_default_identity_work_from_the_key() -> None:
    run = load("envelope-schemas.jsonl")["whs.public.membership_default_ident"]
    mapping = {"cohort_id": {"constant": "c"}, "external_id": {"key": "id"}}

    decoded = decoder(mapping).decode(run)

    assert decoded.rejects == ()
    assert decoded.change_set.changes == {
        "c": {"1": False, "2": False, "900": True, "950": True, "901": True}
    }


@pytest.mark.parametrize("name", ["envelope-schemas.jsonl", "envelope-plain.jsonl"])
def test_captured_values_become_ids_exactly(name: str) -> None:
    (run,) = (run for topic, run in load(name).items() if topic.endswith("cohort_membership"))
    mapping = {
        "cohort_id": {"column": "big"},
        "external_id": {"column": "tenant_id"},
        "alias": {"name": {"column": "alias_name"}, "label": {"column": "alias_label"}},
    }

    decoded = decoder(mapping).decode(run_of_records(records_of(run)[:3], topic="w"))

    assert decoded.change_set.changes == {
        "9007199254740993": {"11111111-2222-3333-4444-555555555555": True},
        "-1": {Alias("n1", "email"): True},
    }
    assert [reject.reason for reject in decoded.rejects] == [Reason.MISSING_COHORT]


@pytest.mark.parametrize(
    ("name", "score", "ltv"),
    [
        ("envelope-schemas.jsonl", "12.3400", "-0.00000123456789"),
        ("envelope-plain.jsonl", "AeII", "-0.00000123456789"),  # No schema tells its scale.
    ],
)
def test_captured_decimals_are_read_with_their_scale(name: str, score: str, ltv: str) -> None:
    (run,) = (run for topic, run in load(name).items() if topic.endswith("cohort_membership"))
    mapping = {"cohort_id": {"column": "score"}, "external_id": {"column": "ltv"}}

    decoded = decoder(mapping).decode(run_of_records(records_of(run)[:1], topic="w"))

    assert decoded.change_set.changes == {score: {ltv: True}}


@pytest.mark.parametrize(
    ("column", "event_time_s"),
    [
        ("entered_at", 1_767_315_845.678901),
        ("updated_ts", 1_767_323_045.678),
        ("valid_on", 1_769_817_600.0),
    ],
)
def test_captured_times_are_read_by_their_type(column: str, event_time_s: float) -> None:
    run = load("envelope-schemas.jsonl")["whs.public.cohort_membership"]

    decoded = decoder(PAIR | {"occurred_at": {"column": column}}).decode(run)

    assert decoded.change_set.event_time_s == pytest.approx(event_time_s)


def test_flattened_records_are_refused_with_the_remedy() -> None:
    for run in load("flattened-plain.jsonl").values():
        decoded = decoder(PAIR).decode(run)

        assert dict(decoded.change_set.changes) == {}
        assert {reject.reason for reject in decoded.rejects} == {Reason.INVALID_RECORD}
        assert all("ExtractNewRecordState" in reject.detail for reject in decoded.rejects)


def records_of(run: Run) -> list[Any]:
    return list(run.records)
