"""The schemas that are shipped: what they say is so, and none takes anything back."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastavro
import jsonschema
import pytest
import yaml

from daemon.core.model import Partition
from daemon.intake.dead_letters import DeadLetters
from daemon.kafka.records import Reason, Reject
from daemon.tools.schema.catalogue import SCHEMAS, find, text_of

ROOT = Path(__file__).parents[2]
EARLIER = ROOT / "tests" / "support" / "schemas"
CONFIGURATION = json.loads(text_of(find("configuration", "json")))
EVENT = json.loads(text_of(find("membership_change", "json")))


def test_the_configurations_schema_is_what_its_generator_makes() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts" / "config_schema.py"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert made.stdout == text_of(find("configuration", "json")), "run `make schemas`"


def _pages() -> list[Any]:
    pages = sorted((ROOT / "docs" / "pipelines").glob("*-*.md"))
    blocks = [page.read_text().split("```yaml\n")[1].split("```")[0] for page in pages]
    examples = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))
    return [yaml.safe_load(text) for text in (*blocks, *(e.read_text() for e in examples))]


@pytest.mark.parametrize("document", _pages())
def test_every_configuration_we_show_is_valid_by_its_schema(document: dict[str, Any]) -> None:
    jsonschema.validate(document, CONFIGURATION)


@pytest.mark.parametrize(
    "change",
    [
        {"kafak": {}},
        {"inputs": [{"topic": "t", "formt": "rows"}]},
        {"inputs": [{"topic": "t", "format": "csv"}]},
        {"window": {"max_age": 2}},
        {"window": {"max_age": "2 s"}},
        {"delivery": {"reserve": 2}},
        {"braze": {"partner": 7}},
        {"inputs": []},
    ],
)
def test_what_is_wrong_in_a_configuration_is_wrong_by_its_schema(change: dict[str, Any]) -> None:
    document = _pages()[0] | change

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, CONFIGURATION)


@pytest.mark.parametrize(
    "change",
    [
        {"kafka": {"bootstrap_servers": "b", "group_id": "g", "properties": {"a": {"file": "f"}}}},
        {"delivery": {"backoff": {"give_up_after": "never"}}},
        {"cohorts": {"overrides": {"vip": {"max_age": "500ms"}}}},
        {"schema_registry": None},
        {"start": "2026-11-23T00:00:00Z"},
    ],
)
def test_what_is_right_in_a_configuration_is_right_by_its_schema(change: dict[str, Any]) -> None:
    jsonschema.validate(_pages()[0] | change, CONFIGURATION)


def test_a_dead_letter_is_as_its_schema_says() -> None:
    schema = json.loads(text_of(find("dead_letter", "json")))
    assert schema["properties"]["cohortd.reason"]["enum"] == list(Reason)
    reject = Reject(Partition("t", 3), 17, Reason.UNKNOWN_OP, "op is none", b"k", b"{}")

    letter = DeadLetters().of_record(reject)

    headers = {name: (value or b"").decode() for name, value in letter.headers}
    jsonschema.validate(headers, schema)
    assert set(headers) <= set(schema["properties"])


# What an earlier version took, a later one takes: a producer need not know which we run.


def test_what_was_written_by_the_first_avro_schema_is_read_by_todays() -> None:
    first = fastavro.parse_schema(json.loads((EARLIER / "membership_change-1.avsc").read_text()))
    today = fastavro.parse_schema(json.loads(text_of(find("membership_change", "avro"))))
    event = {"cohort_id": "vip", "op": "add", "alias": {"name": "n", "label": "l"}}
    written = io.BytesIO()
    fastavro.schemaless_writer(written, first, event)
    written.seek(0)

    read = fastavro.schemaless_reader(written, first, today)

    assert isinstance(read, dict)
    assert {name: part for name, part in read.items() if part is not None} == event


def narrowed(old: dict[str, Any], new: dict[str, Any], place: str = "") -> list[str]:
    """Return where a new schema takes less than the old one."""
    found = [f"{place} requires {n}" for n in {*new.get("required", ())} - {*old["required"]}]
    for name, was in old["properties"].items():
        at, now = f"{place}.{name}", new["properties"].get(name)
        if now is None:
            found.append(f"{at} is gone")
            continue
        kinds = ({*_list(was.get("type"))}, {*_list(now.get("type"))})
        if kinds[1] and not kinds[0] <= kinds[1]:
            found.append(f"{at} has fewer types")
        if not {*was.get("enum", ())} <= {*now.get("enum", was.get("enum", ()))}:
            found.append(f"{at} has fewer values")
        if now.get("maxLength", 10**9) < was.get("maxLength", 10**9):
            found.append(f"{at} is shorter")
        if "properties" in was:
            found += narrowed({"required": [], **was}, now, at)
    return found


def _list(kind: object) -> list[object]:
    return kind if isinstance(kind, list) else [] if kind is None else [kind]


def test_the_events_schema_takes_nothing_back() -> None:
    first = json.loads((EARLIER / "membership_change-1.schema.json").read_text())

    assert narrowed(first, EVENT) == []


@pytest.mark.parametrize(
    "change",
    [
        {"required": ["cohort_id", "op", "occurred_at"]},
        {"properties": {**EVENT["properties"], "op": {"enum": ["add"]}}},
        {"properties": {**EVENT["properties"], "external_id": {"type": "string"}}},
        {"properties": {k: v for k, v in EVENT["properties"].items() if k != "device_id"}},
    ],
)
def test_a_schema_that_takes_something_back_is_seen(change: dict[str, Any]) -> None:
    assert narrowed(EVENT, EVENT | change)


def test_the_command_lists_and_shows_them() -> None:
    def cohortd(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "daemon", "schema", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    listed, shown = cohortd("list"), cohortd("show", "membership_change", "--format", "avro")

    assert all(each.name in listed.stdout for each in SCHEMAS)
    assert shown.stdout == (ROOT / "schemas" / "membership_change.avsc").read_text()
    assert cohortd("show", "nothing").returncode == 2
    assert "membership_change, dead_letter, configuration" in cohortd("show", "x").stderr
