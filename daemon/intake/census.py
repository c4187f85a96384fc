"""How many partitions the inputs have in all, of which ours are a share (G8)."""

from __future__ import annotations

from collections.abc import Mapping

from daemon.logs import event, get_logger
from daemon.metrics import Metrics


class Census:
    """The partitions of each topic as last counted; says it when a topic has got more.

    Changes of one member may then stand in two partitions, which have no order between them: that
    is for a person to know.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._counts: dict[str, int] = {}
        self._metrics = metrics
        self._log = get_logger()

    @property
    def total(self) -> int:
        """The partitions of all topics; 0 before they were counted."""
        return sum(self._counts.values())

    def take(self, counts: Mapping[str, int]) -> None:
        """Replace what was counted before."""
        for topic, count in counts.items():
            before = self._counts.get(topic, count)
            if count > before:
                self._metrics.partitions_added.inc(count - before)
                self._log.warning(
                    event.PARTITIONS_ADDED,
                    topic=topic,
                    before=before,
                    now=count,
                    remedy="stop producers while partitions are added: a member's changes must"
                    " stay in one partition",
                )
        self._counts = dict(counts)
