"""The starter configuration as text: YAML with comments that say what is left to decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from daemon.tools.init.guess import CHANGE_ME, Guess

_OWN = (
    "kafka.group_id: one group serves one Braze workspace; its offsets say what that one was told",
    "braze: the REST cluster (US-01, EU-01, …), the partner's name, and the files of both keys",
    "start: earliest reads all that is kept, latest only what comes; a topic's first start only",
    "dead_letter.topic: create it, or set null to stop at the first record that can't be used",
)


def lines_of(
    kafka: Mapping[str, Any], registry: str | None, made: Guess, seen: Sequence[str]
) -> Iterator[str]:
    """Yield the lines of the file."""
    topic = made.entry["topic"]
    yield f"# A beginning, guessed from the last records of topic {topic}:"
    yield from (f"#   {line}" for line in seen)
    yield f"# Left to decide ({CHANGE_ME} marks what has no sensible guess):"
    yield from (f"#   - {line}" for line in [*made.left, *_OWN])
    yield "# Then: cohortd check -c FILE --online, and cohortd plan -c FILE."
    yield from _yaml({"kafka": {**kafka, "group_id": CHANGE_ME}})
    yield from _yaml({"inputs": [made.entry]})
    yield "start: earliest"
    if registry is not None:
        yield from _yaml({"schema_registry": {"url": registry}})
    yield from _yaml(
        {
            "braze": {
                "cluster": CHANGE_ME,
                "partner": CHANGE_ME,
                "partner_api_key_file": "/run/secrets/partner_api_key",
                "data_import_key_file": "/run/secrets/data_import_key",
            },
            "dead_letter": {"topic": f"{topic}.dlq"},
        }
    )


def _yaml(part: object) -> list[str]:
    return yaml.safe_dump(part, sort_keys=False, allow_unicode=True, width=1000).splitlines()
