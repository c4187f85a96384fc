"""Makes schemas/configuration.schema.json: `python scripts/config_schema.py` prints it.

Types come from the settings model, words from docs/configuration.md, so neither is said twice. A
schema knows less than `cohortd check`: rules between settings are the check's alone.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

from daemon.config.durations import duration_text
from daemon.config.settings import Settings

ROOT = Path(__file__).parents[1]
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| (.+) \|$", re.MULTILINE)
_DURATION = {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h)$"}
_PLAIN = [{"type": kind} for kind in ("string", "number", "boolean")]
_FILE = {
    "type": "object",
    "properties": {"file": {"type": "string"}},
    "required": ["file"],
    "additionalProperties": False,
}
# What a person may write although the model sees another shape of it.
_ONE_OR_MANY = {("InputSettings", "mapping"): "Mapping", ("Mapping", "op"): "Operation"}


def schema() -> dict[str, Any]:
    """Return the schema."""
    made = Settings.model_json_schema(by_alias=True, mode="validation")
    told = words()
    definitions: dict[str, Any] = made["$defs"]
    for name, definition in definitions.items():
        _adapt(name, definition)
    _adapt("Settings", made)
    _describe(made, definitions, "", told)
    definitions.pop("Unusable")
    kafka = definitions["KafkaSettings"]["properties"]["properties"]
    kafka["additionalProperties"] = {"anyOf": [*_PLAIN, _FILE]}
    for name, definition in (*definitions.items(), ("Settings", made)):
        if name.endswith("Settings"):  # What one file leaves out may stand in another, or outside.
            definition.pop("required", None)
    definitions["Mapping"]["anyOf"] = [{"required": ["cohort_id"]}, {"required": ["preset"]}]
    definitions["Mapping"].pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "cohortd's configuration",
        "description": "What `cohortd run -c FILE` reads. `cohortd check` knows more rules.",
    }


def words() -> dict[str, tuple[str, str]]:
    """Return default and meaning of each setting, by its path, as the page has them."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    return {path: (default, " ".join(words.split())) for path, default, words in _ROW.findall(page)}


def _adapt(name: str, definition: dict[str, Any]) -> None:
    definition.pop("title", None)
    for field, part in definition.get("properties", {}).items():
        part.pop("title", None)
        for ours, theirs in (("ge", "minimum"), ("le", "maximum")):
            if ours in part:
                part[theirs] = part.pop(ours)
        for kind in part.get("anyOf", [part]) if field in ("column", "key") else ():
            if kind.get("type") == "array":  # A path is written as a text.
                kind.pop("items")
                kind["type"] = "string"
        if (name, field) in _ONE_OR_MANY:
            one = {"$ref": f"#/$defs/{_ONE_OR_MANY[name, field]}"}
            definition["properties"][field] = {"anyOf": [one, {"type": "array", "items": one}]}
    if name == "Mapping" or name.endswith("Settings") or name == "CohortOverride":
        _write_durations(definition)


def _write_durations(definition: dict[str, Any]) -> None:
    """A number with a fraction is a duration in this configuration, but for two shares."""
    for field, part in definition.get("properties", {}).items():
        if field in ("reserve", "max_ratio"):
            continue
        kinds = part.get("anyOf", [part])
        for kind in kinds:
            if kind.get("type") == "number":
                kind.pop("type")
                kind.update(_DURATION)
        default = part.get("default")
        if isinstance(default, float) and part.get("pattern"):
            part["default"] = duration_text(default)
            if math.isinf(default):
                pattern = part.pop("pattern")
                part.pop("type")
                part["anyOf"] = [{"const": "never"}, {"type": "string", "pattern": pattern}]


def _describe(
    at: dict[str, Any], definitions: dict[str, Any], path: str, told: dict[str, tuple[str, str]]
) -> None:
    for field, part in at.get("properties", {}).items():
        inside, below = path + field, _below(part, definitions)
        if inside in told:
            part["description"] = told[inside][1]
        if below is None:
            continue
        many = part.get("type") == "array" or ("anyOf" in part and _is_list(part))
        tail = "[]." if many else ".*." if "additionalProperties" in part else "."
        _describe(below, definitions, inside + tail, told)


def _is_list(part: dict[str, Any]) -> bool:
    return any(each.get("type") == "array" for each in part["anyOf"])


def _below(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return the section that a field holds, alone or in a list."""
    for each in (
        part,
        *part.get("anyOf", ()),
        part.get("items", {}),
        part.get("additionalProperties", {}),
    ):
        reference = each.get("$ref") or each.get("items", {}).get("$ref")
        if reference:
            found: dict[str, Any] = definitions[reference.rsplit("/", 1)[1]]
            return found
    return None


if __name__ == "__main__":
    json.dump(schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
