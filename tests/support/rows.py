"""Flat rows made by hand, and the decoders that read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.config.inputs import InputSettings
from daemon.formats.decode import Decoded, Decoder
from daemon.formats.decoders import compile_input
from tests.support.corpus import FakeRecord, run_of_records

WHO: dict[str, Any] = {"cohort_id": {"column": "cohort"}, "external_id": {"column": "user"}}
ROW: dict[str, Any] = {"cohort": "vip", "user": "u1"}
VIP_U1_IN = {"vip": {"u1": True}}
VIP_U1_OUT = {"vip": {"u1": False}}


def rows(
    mapping: Mapping[str, object] | Sequence[Mapping[str, object]], **settings: object
) -> Decoder:
    """Return the decoder of flat rows; a mapping alone also says who."""
    whole = {**WHO, **mapping} if isinstance(mapping, Mapping) else list(mapping)
    return compiled(format="rows", mapping=whole, **settings)


def upserts(mapping: Mapping[str, object], **settings: object) -> Decoder:
    return compiled(format="upsert", mapping=mapping, **settings)


def compiled(**settings: object) -> Decoder:
    return compile_input(InputSettings.model_validate({"topic": "t", **settings}))


def read(decoder: Decoder, value: object, *, key: object = None, topic: str = "t") -> Decoded:
    """Return what one record is read as; bytes stay as they are, all else is written as JSON."""
    record = FakeRecord(_bytes(value), _bytes(key))
    return decoder.decode(run_of_records([record], topic=topic))


def _bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    return json.dumps(value).encode()


def outcome(decoded: Decoded) -> object:
    """Return the changes, else the reason of the reject, else the rule that ignores it."""
    if decoded.rejects:
        assert not decoded.change_set.changes
        return decoded.rejects[0].reason
    if decoded.ignored:
        (rule,) = decoded.ignored
        return rule
    return dict(decoded.change_set.changes)
