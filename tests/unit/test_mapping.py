from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from daemon.config.inputs import InputSettings
from daemon.config.mapping import parse_path, path_text
from daemon.core.model import Device
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason
from tests.support.corpus import FakeRecord, run_of, run_of_records

MAPPING: dict[str, Any] = {"cohort_id": {"column": "c"}, "external_id": {"column": "u"}}


def debezium(**changes: object) -> dict[str, Any]:
    return {"topic": "t", "format": "debezium", "mapping": MAPPING, **changes}


def problems_of(settings: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        InputSettings.model_validate(settings)
    return "\n".join(
        f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in caught.value.errors()
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('a."b.c"', ("a", "b.c")),
        ('"a.b".c', ("a.b", "c")),
        ("METADATA$ACTION", ("METADATA$ACTION",)),
        (".", ()),
    ],
)
def test_a_path_is_names_joined_by_dots(text: str, names: tuple[str, ...]) -> None:
    assert parse_path(text) == names
    assert path_text(names) == text


@pytest.mark.parametrize(
    "text", ["", "a.", ".a", "a..b", 'a"b', '"a', '""', 5, None, ".".join("a" * 17)]
)
def test_what_is_no_path_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


@pytest.mark.parametrize(
    ("settings", "where", "what"),
    [
        ({}, "", "exactly one of topic, pattern"),
        ({"topic": "a", "pattern": "^a"}, "", "exactly one of topic, pattern"),
        ({"topic": "a b"}, "topic", "249"),
        ({"pattern": "a"}, "pattern", "begins with ^"),
        ({"pattern": "^("}, "pattern", "regular expression"),
        ({"topic": "t", "format": "csv"}, "format", "native"),
        ({"topic": "t", "formt": "native"}, "formt", "Extra"),
        ({"topic": "t", "mapping": MAPPING}, "", "native records need none"),
        ({"topic": "t", "format": "debezium"}, "", "mapping is required"),
        (debezium(mapping=[]), "", "mapping is required"),
        (debezium(mapping={**MAPPING, "cohort_id": {}}), "mapping.0.cohort_id", "exactly one of"),
        (debezium(mapping={**MAPPING, "device_id": {"column": "."}}), "mapping.0.device_id", "key"),
        (debezium(mapping={"cohort_id": {"column": "c"}}), "", "no identifier"),
        (debezium(match_on=["alias"]), "", "no identifier of match_on"),
        (debezium(match_on=["alias", "alias"]), "match_on", "at most once"),
        (debezium(match_on=[]), "match_on", "at least 1"),
        (
            debezium(mapping={**MAPPING, "op": {"column": "o", "add": ["i"]}}),
            "",
            "mapping.op is for format rows",
        ),
        (debezium(mapping={**MAPPING, "on_null": "reject"}), "", "mapping.on_null"),
        (debezium(mapping={**MAPPING, "old_images": "remove"}), "", "mapping.old_images"),
        (
            debezium(mapping={**MAPPING, "member_when": {"column": "a"}}),
            "member_when.in",
            "required",
        ),
    ],
)
def test_a_wrong_input_is_told_where_and_what(
    settings: dict[str, Any], where: str, what: str
) -> None:
    problems = problems_of(settings)

    assert where in problems
    assert what in problems


def test_settings_survive_being_written_and_read_again() -> None:
    mapping = {
        **MAPPING,
        "alias": {"name": {"key": "."}, "label": {"constant": "email"}},
        "device_id": {"column": 'a."b.c"', "trim": True},
        "member_when": {"column": "s", "in": [True, 1, "1", None]},
    }
    settings = InputSettings.model_validate(debezium(mapping=mapping))

    written = settings.model_dump(mode="json", by_alias=True)

    assert InputSettings.model_validate(written) == settings


def decode_row(row: dict[str, Any], **mapping: object) -> dict[str, Any]:
    settings = InputSettings.model_validate(debezium(mapping={**MAPPING, **mapping}))
    decoded = compile_input(settings).decode(run_of({"op": "c", "after": row}, topic="cohorts.vip"))
    return {
        "changes": dict(decoded.change_set.changes),
        "reasons": [reject.reason for reject in decoded.rejects],
        "names": dict(decoded.change_set.names),
    }


ROW = {"c": "cohort", "u": "user"}


@pytest.mark.parametrize(
    ("value", "cohort"),
    [
        ({"constant": "fixed"}, "fixed"),
        ({"topic": r"cohorts\.(.*)"}, "vip"),
        ({"topic": r"cohorts\..*"}, "cohorts.vip"),
        ({"topic": r"cohorts\.(.*)", "column": None}, "vip"),
        ({"column": "C"}, None),
        ({"column": "n.a"}, "nested"),
        ({"column": 'n."b.c"'}, "dotted"),
        ({"column": "n.a.x"}, None),
        ({"column": "sp", "trim": True, "lower": True}, "spaced"),
        ({"column": "sp"}, " Spaced "),
    ],
)
def test_a_cohort_comes_from_where_the_mapping_says(
    value: dict[str, Any], cohort: str | None
) -> None:
    row = {**ROW, "n": {"a": "nested", "b.c": "dotted"}, "sp": " Spaced "}

    read = decode_row(row, cohort_id=value)

    assert read["changes"] == ({cohort: {"user": True}} if cohort else {})
    assert read["reasons"] == ([] if cohort else [Reason.MISSING_COLUMN])


@pytest.mark.parametrize("value", [{"topic": "other"}, {"header": "h"}, {"key": "c"}])
def test_a_value_that_is_nowhere_else_is_no_cohort(value: dict[str, Any]) -> None:
    assert decode_row(ROW, cohort_id=value)["reasons"] == [Reason.MISSING_COHORT]


def test_a_text_of_spaces_alone_is_empty_once_trimmed() -> None:
    row = {"c": "cohort", "u": "  ", "d": "device"}

    read = decode_row(row, external_id={"column": "u", "trim": True}, device_id={"column": "d"})

    assert read["changes"] == {"cohort": {Device("device"): True}}


def test_the_last_header_of_a_name_counts() -> None:
    mapping = {**MAPPING, "external_id": {"header": "user"}}
    decoder = compile_input(InputSettings.model_validate(debezium(mapping=mapping)))
    headers = (("user", b"u1"), ("user", b"u2"), ("other", b"u3"))
    record = FakeRecord(b'{"op":"c","after":{"c":"vip"}}', None, headers)
    broken = FakeRecord(b'{"op":"c","after":{"c":"vip"}}', None, (("user", b"\xff"),), 1)

    decoded = decoder.decode(run_of_records([record, broken]))

    assert decoded.change_set.changes == {"vip": {"u2": True}}
    assert [reject.reason for reject in decoded.rejects] == [Reason.INVALID_VALUE]


def test_a_cohort_has_the_name_of_its_newest_row() -> None:
    assert decode_row({**ROW, "n": "Name"}, cohort_name={"column": "n"})["names"] == {
        "cohort": "Name"
    }
