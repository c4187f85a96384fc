"""The `avro` log's schema: the shipped one, with two fields more that nobody reads."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import fastavro

SCHEMA_ID: Final = 1
FRAME: Final = struct.pack(">BI", 0, SCHEMA_ID)

_SHIPPED = Path(__file__).parents[2] / "schemas" / "membership_change.avsc"
_TENANT: Final = "11111111-2222-3333-4444-555555555555"
_SOURCE: Final = "warehouse.audiences"


def schema() -> dict[str, Any]:
    """Return the schema: nine fields, as a producer's grown from ours would have."""
    shipped: dict[str, Any] = json.loads(_SHIPPED.read_text())
    more = [{"name": name, "type": "string"} for name in ("tenant_id", "source")]
    return {**shipped, "fields": [*shipped["fields"], *more]}


def writer() -> Callable[[str, str, int, bool], bytes]:
    """Return what writes a change in Confluent's framing: 109 bytes."""
    parsed = fastavro.parse_schema(schema())

    def write(cohort: str, user: str, occurred_at_ms: int, add: bool) -> bytes:
        event = {
            "cohort_id": cohort,
            "op": "add" if add else "remove",
            "external_id": user,
            "occurred_at": occurred_at_ms,
            "tenant_id": _TENANT,
            "source": _SOURCE,
        }
        body = io.BytesIO()
        fastavro.schemaless_writer(body, parsed, event)
        return FRAME + body.getvalue()

    return write
