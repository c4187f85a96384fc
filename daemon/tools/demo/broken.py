"""Records that say nothing of a membership: each must end as a dead letter, and hurt nobody."""

from __future__ import annotations

import json


def _json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


BROKEN: tuple[tuple[str, bytes | None], ...] = (
    ("no JSON", b"cohort_id=vip;op=add;external_id=customer-1"),
    ("cut off", b'{"cohort_id": "vip", "op": "add", "external_'),
    ("unknown op", _json(cohort_id="vip", op="upsert", external_id="customer-1")),
    ("no op", _json(cohort_id="vip", external_id="customer-1")),
    ("no cohort", _json(op="add", external_id="customer-1")),
    ("nobody named", _json(cohort_id="vip", op="add")),
    ("empty id", _json(cohort_id="vip", op="remove", external_id="")),
    ("id is a number", _json(cohort_id="vip", op="add", external_id=4711)),
    ("id too long", _json(cohort_id="vip", op="add", external_id="x" * 513)),
    ("no value", None),
    ("a list", b'["vip", "add", "customer-1"]'),
    ("not UTF-8", b'{"cohort_id": "vip", "op": "add", "external_id": "caf\xe9"}'),
)
