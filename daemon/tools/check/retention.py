"""What the log no longer has, and for how long it keeps what it has: against what is promised.

Pure. It says what can be known from where a log begins and how it is kept, and no more: whether a
source has written its members again since, a log's beginning does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from daemon.core.model import Partition
from daemon.tools.check.finding import Finding, count, listed, note, warning

SHORT_MS: Final = 86_400_000
_UNITS: Final = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000))


def kept_text(values: Mapping[str, str]) -> str:
    """Return the retention in the largest whole unit."""
    left = int(values.get("retention.ms", "-1"))
    if left < 0:
        return "for ever"
    for unit, size in _UNITS:
        if left >= size and left % size == 0:
            return f"{left // size:,} {unit}"
    return f"{left:,} ms"


def describe_retention(where: str, topic: str, values: Mapping[str, str]) -> Iterator[Finding]:
    """Return what the topic's settings mean for an outage: nothing where it keeps all of it."""
    if "delete" not in values.get("cleanup.policy", ""):
        return
    kept_ms = int(values.get("retention.ms", "-1"))
    if 0 <= kept_ms < SHORT_MS:
        what = f"topic {topic} keeps records {kept_text(values)}"
        remedy = "changes not delivered by then are lost: keep them longer than the longest outage"
        yield warning(where, what, f"{remedy} you want to survive, a day at least")
    size = int(values.get("retention.bytes", "-1"))
    if size >= 0:
        what = f"topic {topic} also keeps at most {size:,} bytes a partition"
        yield note(where, what, "in a busy hour that may be shorter than the time it is kept")


def describe_lost(
    ranges: Mapping[Partition, tuple[int, int]], fresh: AbstractSet[str]
) -> Iterator[Finding]:
    """Return what a first start from `earliest` does not find any more.

    `fresh` are the topics of which the group has no offset: one that goes on has read the rest.
    A log that is only compacted begins at 0 whatever was taken from it.
    """
    for topic in sorted(fresh):
        begins = {p: low for p, (low, _) in ranges.items() if p.topic == topic and low > 0}
        if not begins:
            continue
        width = sum(partition.topic == topic for partition in ranges)
        where = listed([f"{p.number}: {low:,}" for p, low in sorted(begins.items())], 3)
        what = (
            f"the log begins after offset 0 in {len(begins)} of {count(width, 'partition')}"
            f" ({where}): retention, or somebody, has deleted what was before"
        )
        yield warning(
            topic,
            what,
            "members last changed there are not in the log: who was added then is not added now,"
            " who was removed then not removed; unless the source has written them again since (a"
            " snapshot), which can't be seen here, have it do so",
        )
