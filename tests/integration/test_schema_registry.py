"""A real schema registry, and records written by its own serializers, for every format."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.support.java import JavaError
from tests.support.registry import Apicurio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.stage import Stage

SCHEMAS = Path(__file__).parents[2] / "schemas"
NATIVE_AVRO = (SCHEMAS / "membership_change.avsc").read_text()
NATIVE_JSON = (SCHEMAS / "membership_change.schema.json").read_text()
ROW: dict[str, Any] = {
    "type": "record",
    "name": "Row",
    "namespace": "com.example",
    "fields": [
        {"name": "cohort", "type": "string"},
        {"name": "user", "type": "long"},
        {"name": "status", "type": ["null", "string"], "default": None},
    ],
}
ENVELOPE: dict[str, Any] = {
    "type": "record",
    "name": "Envelope",
    "namespace": "com.example.row",
    "fields": [
        {"name": "before", "type": ["null", ROW], "default": None},
        {"name": "after", "type": ["null", "com.example.Row"], "default": None},
        {"name": "op", "type": "string"},
    ],
}
ANY_OBJECT = json.dumps(
    {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Object", "type": "object"}
)
KEY: dict[str, Any] = {
    "type": "record",
    "name": "Key",
    "namespace": "com.example",
    "fields": [{"name": "cohort", "type": "string"}, {"name": "user", "type": "long"}],
}


@pytest.fixture(scope="session")
def registry(server_folder: Path) -> Iterator[Apicurio]:
    try:
        server = Apicurio(server_folder / "registry")
    except JavaError as why:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(why), pytrace=False)
        pytest.skip(f"a schema registry can't be started here: {why}")
    with server:
        yield server


class Producing:
    """Writes to a topic with the registry's own serializers."""

    def __init__(self, stage: Stage, registry: Apicurio) -> None:
        self._client = SchemaRegistryClient({"url": registry.url})
        self._producer = Producer({"bootstrap.servers": stage.bootstrap})
        self._topic = stage.topic

    def avro(
        self, schema: object, where: MessageField = MessageField.VALUE
    ) -> Callable[[Any], bytes]:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return self._bound(AvroSerializer(self._client, text), where)

    def json_schema(
        self, schema: str, where: MessageField = MessageField.VALUE
    ) -> Callable[[Any], bytes]:
        return self._bound(JSONSerializer(schema, self._client), where)

    def of(
        self, encoding: str, schema: object, where: MessageField = MessageField.VALUE
    ) -> Callable[[Any], bytes]:
        if encoding == "avro":
            return self.avro(schema, where)
        return self.json_schema(ANY_OBJECT, where)

    def close(self) -> None:
        self._client.__exit__()  # type: ignore[no-untyped-call]

    def write(self, value: bytes | None, key: bytes | None = None) -> None:
        self._producer.produce(self._topic, value, key, partition=0)
        assert self._producer.flush(30) == 0

    def _bound(self, serializer: Any, where: MessageField) -> Callable[[Any], bytes]:  # noqa: ANN401
        context = SerializationContext(self._topic, where)

        def serialize(value: Any) -> bytes:  # noqa: ANN401
            written: bytes = serializer(value, context)
            return written

        return serialize


@pytest.fixture
def producing(real_stage: Stage, registry: Apicurio) -> Iterator[Producing]:
    producing = Producing(real_stage, registry)
    yield producing
    producing.close()


def config(stage: Stage, registry: Apicurio, **entry: object) -> dict[str, object]:
    whole = {"topic": stage.topic, "encoding": "avro", **entry}
    return {"inputs": [whole], "schema_registry": {"url": registry.url}}


def test_native_events_in_avro(real_stage: Stage, registry: Apicurio, producing: Producing) -> None:
    stage = real_stage
    value = producing.avro(NATIVE_AVRO)
    daemon = stage.start(config(stage, registry))

    for number in range(100):
        op = "remove" if number >= 90 else "add"
        producing.write(value({"cohort_id": "vip", "op": op, "external_id": f"u{number % 90}"}))

    stage.wait_members(vip={f"u{number}" for number in range(10, 90)})
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")


def test_native_events_in_json_with_a_schema(
    real_stage: Stage, registry: Apicurio, producing: Producing
) -> None:
    stage = real_stage
    value = producing.json_schema(NATIVE_JSON)
    daemon = stage.start(config(stage, registry, encoding="json-schema"))

    for user in ("u1", "u2"):
        producing.write(value({"cohort_id": "vip", "op": "add", "external_id": user}))

    stage.wait_members(vip={"u1", "u2"})
    assert daemon.terminate() == 0


both = pytest.mark.parametrize("encoding", ["avro", "json-schema"])


@both
def test_change_events(
    real_stage: Stage, registry: Apicurio, producing: Producing, encoding: str
) -> None:
    stage = real_stage
    value = producing.of(encoding, ENVELOPE)
    mapping = {
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "user"},
        "member_when": {"column": "status", "in": ["active"]},
    }
    entry = {"format": "debezium", "encoding": encoding, "mapping": mapping}
    daemon = stage.start(config(stage, registry, **entry))

    def row(user: int, status: str = "active") -> dict[str, object]:
        return {"cohort": "vip", "user": user, "status": status}

    big = 2**63 - 1
    producing.write(value({"op": "c", "after": row(1)}))
    producing.write(value({"op": "c", "after": row(big)}))
    producing.write(value({"op": "u", "before": row(1), "after": row(2)}))
    producing.write(value({"op": "c", "after": row(3)}))
    producing.write(value({"op": "d", "before": row(3)}))
    producing.write(None)
    producing.write(value({"op": "u", "before": row(4), "after": row(4, "left")}))

    stage.wait_members(vip={"2", str(big)})
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")


def test_rows_in_avro_while_their_schema_evolves(
    real_stage: Stage, registry: Apicurio, producing: Producing
) -> None:
    stage = real_stage
    mapping = {
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "user"},
        "member_when": {"column": "status", "in": ["active"]},
    }
    daemon = stage.start(config(stage, registry, format="rows", mapping=mapping))
    first = producing.avro(ROW)
    producing.write(first({"cohort": "vip", "user": 1, "status": "active"}))
    stage.wait_members(vip={"1"})
    wider = {**ROW, "fields": [{"name": "note", "type": "string", "default": ""}, *ROW["fields"]]}

    second = producing.avro(wider)
    producing.write(second({"note": "new", "cohort": "vip", "user": 2, "status": "active"}))
    producing.write(first({"cohort": "vip", "user": 1, "status": "left"}))

    stage.wait_members(vip={"2"})
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")


def test_rows_in_json_with_a_schema(
    real_stage: Stage, registry: Apicurio, producing: Producing
) -> None:
    stage = real_stage
    value = producing.json_schema(ANY_OBJECT)
    mapping = {
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "user"},
        "op": {"column": "_change_type", "add": ["insert"], "remove": ["delete"]},
    }
    entry = {"format": "rows", "encoding": "json-schema", "mapping": mapping}
    daemon = stage.start(config(stage, registry, **entry))

    for kind, user in (("insert", 1), ("insert", 2**63), ("delete", 1)):
        producing.write(value({"_change_type": kind, "cohort": "vip", "user": user}))

    stage.wait_members(vip={str(2**63)})
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")


@both
def test_upserts_with_encoded_keys(
    real_stage: Stage, registry: Apicurio, producing: Producing, encoding: str
) -> None:
    stage = real_stage
    key = producing.of(encoding, KEY, MessageField.KEY)
    value = producing.of(encoding, ROW)
    mapping = {"cohort_id": {"key": "cohort"}, "external_id": {"key": "user"}}
    entry = {"format": "upsert", "encoding": encoding, "mapping": mapping}
    daemon = stage.start(config(stage, registry, **entry))

    for user in (1, 2, 3):
        row = {"cohort": "vip", "user": user, "status": None}
        producing.write(value(row), key({"cohort": "vip", "user": user}))
    producing.write(None, key({"cohort": "vip", "user": 2}))

    stage.wait_members(vip={"1", "3"})
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")
