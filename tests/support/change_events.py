"""Change events of a small table, made by hand, and the decoder that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from daemon.config.inputs import InputSettings
from daemon.formats.decode import Decoded, Decoder
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason

EMPTY: Mapping[str, object] = MappingProxyType({})
COLUMNS: dict[str, Any] = {
    "cohort_id": {"column": "cohort"},
    "external_id": {"column": "user"},
}
ROW = {"cohort": "vip", "user": "u1", "status": "active"}
ACTIVE = {"member_when": {"column": "status", "in": ["active"]}}


def debezium(key_encoding: str = "same", mapping: Mapping[str, object] = EMPTY) -> Decoder:
    """Return the decoder of a table of cohorts and users; `mapping` adds to it."""
    settings = {"topic": "t", "format": "debezium", "key_encoding": key_encoding}
    return compile_input(
        InputSettings.model_validate({**settings, "mapping": {**COLUMNS, **mapping}})
    )


def event(op: str, before: object = None, after: object = None) -> dict[str, Any]:
    return {"op": op, "before": before, "after": after, "source": {"ts_ms": 1_600_000_000_000}}


def changes_of(decoded: Decoded) -> dict[str, Any]:
    assert decoded.rejects == ()
    return dict(decoded.change_set.changes)


def reject_of(decoded: Decoded) -> tuple[Reason, str]:
    assert dict(decoded.change_set.changes) == {}
    (reject,) = decoded.rejects
    return reject.reason, reject.detail
