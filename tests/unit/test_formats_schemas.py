"""The published schemas of a native event say what the decoder takes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from daemon.config.inputs import InputSettings
from daemon.formats.decoders import compile_input
from daemon.formats.json_limits import DEPTH_MAX, RECORD_BYTES_MAX
from daemon.formats.native import FIELDS
from tests.support.corpus import run_of

SCHEMAS = Path(__file__).parents[2] / "schemas"
JSON_SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "membership_change.schema.json").read_text())
AVRO_SCHEMA: dict[str, Any] = json.loads((SCHEMAS / "membership_change.avsc").read_text())
FORMATS_PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


@pytest.mark.parametrize("example", JSON_SCHEMA["examples"])
def test_every_example_is_taken(example: dict[str, Any]) -> None:
    decoded = compile_input(InputSettings(topic="t")).decode(run_of(example))

    assert decoded.rejects == ()
    assert decoded.change_set.count == 1


@pytest.mark.parametrize("field", JSON_SCHEMA["required"])
def test_what_is_required_is_missed(field: str) -> None:
    example = {name: value for name, value in JSON_SCHEMA["examples"][0].items() if name != field}

    decoded = compile_input(InputSettings(topic="t")).decode(run_of(example))

    assert len(decoded.rejects) == 1


def test_both_schemas_and_the_decoder_know_the_same_fields() -> None:
    assert JSON_SCHEMA["properties"].keys() == FIELDS
    assert {field["name"] for field in AVRO_SCHEMA["fields"]} == FIELDS


def test_the_avro_schema_parses_and_writes_an_event() -> None:
    schema = fastavro.parse_schema(AVRO_SCHEMA)
    event = {"cohort_id": "vip", "op": "add", "external_id": "u1"}
    written = io.BytesIO()

    fastavro.schemaless_writer(written, schema, event)
    written.seek(0)
    read = fastavro.schemaless_reader(written, schema, None)

    assert isinstance(read, dict)
    assert {name: value for name, value in read.items() if value is not None} == event


def test_the_page_states_the_limits_as_they_are() -> None:
    assert RECORD_BYTES_MAX == 1024 * 1024
    assert "1 MiB" in FORMATS_PAGE
    assert f"{DEPTH_MAX} levels" in FORMATS_PAGE
