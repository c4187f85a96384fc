"""The smallest configuration, written to files, with whatever a test changes about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import yaml

from daemon.config.document import Document, merge
from daemon.config.settings import Settings, load
from daemon.errors import Problem, SettingsError

PARTNER_KEY = "canary-partner-key"
IMPORT_KEY = "canary-import-key"


def smallest(folder: Path) -> Document:
    (folder / "partner").write_text(PARTNER_KEY)
    (folder / "import").write_text(IMPORT_KEY)
    return {
        "kafka": {"bootstrap_servers": "localhost:9092", "group_id": "cohortd-acme-prod"},
        "inputs": [{"topic": "cohort.membership"}],
        "start": "earliest",
        "braze": {
            "cluster": "US-01",
            "partner": "acme",
            "partner_api_key_file": str(folder / "partner"),
            "data_import_key_file": str(folder / "import"),
        },
    }


def nested(path: str, value: object) -> Document:
    """`a.b.c` as mappings in each other; a dot inside a name is written `:`."""
    for name in reversed(path.split(".")):
        value = {name.replace(":", "."): value}
    return cast("Document", value)


def load_with(
    folder: Path, changes: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> Settings:
    document = smallest(folder)
    for path, value in changes.items():
        document = merge(document, nested(path, value))
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(document, allow_unicode=True))
    return load([file], environ or {})


def problems_with(
    folder: Path, changes: Mapping[str, object], environ: Mapping[str, str] | None = None
) -> dict[str, Problem]:
    """What is wrong, by path; nothing for a good configuration."""
    try:
        load_with(folder, changes, environ)
    except SettingsError as error:
        problems, text = error.problems, str(error)
    else:
        problems, text = (), ""
    assert "canary" not in text
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)
    return {problem.path: problem for problem in problems}
