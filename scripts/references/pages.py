"""Which pages of docs/reference are generated, and from what; a test holds each to its source."""

from __future__ import annotations

from pathlib import Path

from scripts.references import configuration, log_events, metrics

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of each generated page, by file name."""
    return {
        "configuration.md": configuration.page(),
        "log-events.md": log_events.page(),
        "metrics.md": metrics.page(),
    }
