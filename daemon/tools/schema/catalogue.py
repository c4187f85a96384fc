"""Which schemas there are, and where their texts stand: in the package, or in a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from daemon.errors import Problem, SettingsError


@dataclass(frozen=True, slots=True)
class Schema:
    """One schema in one language."""

    name: str
    language: str  # avro | json: the word for `--format`.
    file: str
    about: str


SCHEMAS: Final = (
    Schema("membership_change", "json", "membership_change.schema.json", "a native event, read"),
    Schema("membership_change", "avro", "membership_change.avsc", "the same, in Avro"),
    Schema("dead_letter", "json", "dead_letter.schema.json", "a dead letter's headers, written"),
    Schema("configuration", "json", "configuration.schema.json", "the configuration, for editors"),
)


def find(name: str, language: str | None) -> Schema:
    """Return the schema; raise SettingsError with those there are."""
    for schema in SCHEMAS:
        if schema.name == name and language in (None, schema.language):
            return schema
    known = ", ".join(dict.fromkeys(schema.name for schema in SCHEMAS))
    what = f"there is no such schema{'' if language is None else f' in {language}'}"
    raise SettingsError([Problem(name, what, f"there are {known}; see `cohortd schema list`")])


def text_of(schema: Schema) -> str:
    """Return its text."""
    return (_folder() / schema.file).read_text()


def _folder() -> Path:
    package = Path(__file__).parents[2]
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"
