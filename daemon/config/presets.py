"""What known producers of flat rows write, as the mapping that a person would have to write.

A preset is a mapping's defaults and nothing else: `check` prints what it comes to, and a mapping
may say any part of it otherwise. The names are the sources' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec


class Preset(msgspec.Struct, frozen=True):
    """The defaults of a mapping, and of its input's `only_when`, as in a configuration file."""

    mapping: Mapping[str, object]
    only_when: tuple[Mapping[str, object], ...] = ()


_AUDIENCE_EVENTS = ["Audience Entered", "Audience Exited"]

PRESETS: Final[Mapping[str, Preset]] = {
    # Snowflake, "Introduction to Streams": an update is a DELETE and an INSERT, both with
    # METADATA$ISUPDATE. Sinks that can't have a $ in a name write an underscore.
    "snowflake-stream": Preset(
        {
            "op": [
                {
                    "column": f"METADATA{mark}ACTION",
                    "add": ["INSERT"],
                    "remove": ["DELETE"],
                    "old_when": {
                        "column": f"METADATA{mark}ISUPDATE",
                        "in": [True, "true", "TRUE", "True"],
                    },
                }
                for mark in ("$", "_")
            ]
        }
    ),
    # Delta Lake, "Change data feed": an update is its image before and its image after.
    "databricks-cdf": Preset(
        {
            "op": {
                "column": "_change_type",
                "add": ["insert", "update_postimage"],
                "remove": ["delete"],
                "old": ["update_preimage"],
            }
        }
    ),
    # BigQuery, table functions CHANGES and APPENDS (which knows inserts alone).
    "bigquery-changes": Preset(
        {"op": {"column": "_CHANGE_TYPE", "add": ["INSERT", "UPDATE"], "remove": ["DELETE"]}}
    ),
    # Debezium's ExtractNewRecordState: `__deleted` where deletes are rewritten, `__op` where
    # `add.fields` asks for it, neither where deletes are left to the tombstones.
    "debezium-flattened": Preset(
        {
            "op": [
                {"column": "__deleted", "add": ["false", False], "remove": ["true", True]},
                {"column": "__op", "add": ["c", "r", "u"], "remove": ["d"], "absent": "add"},
            ]
        }
    ),
    # Segment's audiences as track events, beside all others of the source.
    "segment-track": Preset(
        {
            "op": {"column": "event", "add": _AUDIENCE_EVENTS[:1], "remove": _AUDIENCE_EVENTS[1:]},
            "cohort_id": {"column": "properties.audience_key"},
            "external_id": {"column": "userId"},
            "occurred_at": {"column": "timestamp"},
        },
        only_when=({"column": "event", "in": _AUDIENCE_EVENTS},),
    ),
    # PostHog's topic `cohort_membership_changed`; a person is PostHog's own UUID.
    "posthog": Preset(
        {
            "op": {"column": "status", "add": ["entered"], "remove": ["left"]},
            "cohort_id": {"column": "cohort_id"},
            "external_id": {"column": "person_id"},
            "occurred_at": {"column": "last_updated"},
        }
    ),
}


def expand(mapping: object) -> object:
    """Return the mapping as it would stand without its preset; anything else as it is.

    Raise ValueError for a preset that is none.
    """
    if not isinstance(mapping, Mapping) or mapping.get("preset") is None:
        return mapping
    return {**_named(mapping["preset"]).mapping, **mapping}


def only_when_of(mappings: object) -> tuple[Mapping[str, object], ...]:
    """Return the conditions that the mappings' presets bring, each once."""
    found: list[Mapping[str, object]] = []
    for mapping in mappings if isinstance(mappings, list | tuple) else [mappings]:
        if isinstance(mapping, Mapping) and mapping.get("preset") in PRESETS:
            found += PRESETS[str(mapping["preset"])].only_when
    return tuple(condition for at, condition in enumerate(found) if condition not in found[:at])


def _named(name: object) -> Preset:
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"preset: there are {', '.join(PRESETS)}")
    return PRESETS[name]
