"""docs/reference/metrics.md, from the catalogue of instruments."""

from __future__ import annotations

from daemon.metrics import CATALOGUE, Instrument
from scripts.references.tables import MADE_BY, code_list, table

_INTRO = f"""\
# Metrics in full

{MADE_BY}
[Metrics](../metrics.md) says how to read them, which values the labels have, and what ends each
reason for waiting.

The last column is how to put replicas together. A histogram has the series `_bucket`, `_sum` and
`_count`; the upper bounds of its buckets stand below.
"""

_TOGETHER = {
    "replica": "`sum by`",
    "worst": "`max by`: the worst replica counts",
    "least": "`min by`: the worst replica counts",
    "workspace": "`max by`: all see the same",
}


def page() -> str:
    """Return the page."""
    instruments = sorted(CATALOGUE.values(), key=lambda each: each.name)
    buckets = [
        (f"`{each.name}`", ", ".join(f"{bound:g}" for bound in each.buckets))
        for each in instruments
        if each.buckets
    ]
    head = ("metric", "kind", "labels", "meaning", "replicas")
    return "\n".join(
        [
            _INTRO,
            table(head, map(_row, instruments)),
            "\n## Buckets\n",
            table(("histogram", "upper bounds"), buckets),
            "",
        ]
    )


def _row(instrument: Instrument) -> tuple[str, ...]:
    return (
        f"`{instrument.name}`",
        instrument.kind,
        code_list(instrument.labels),
        instrument.meaning,
        _TOGETHER[instrument.scope],
    )
