"""Where the group stands in one partition: its commit beside the log that is there now.

Pure: it knows no client and no configuration but the fingerprint it is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.kafka.records import Committed


@dataclass(frozen=True, slots=True)
class Position:
    """What is committed for a partition (None: nothing), and the range and id of its log."""

    partition: Partition
    committed: Committed | None
    low: int
    high: int  # The end of what is committed to the log: where the next record may stand.
    topic_id: str = ""  # Empty where the broker does not tell it.

    @property
    def mark(self) -> Mark | None:
        """What the metadata says, None where it is not ours to read."""
        return Mark.decode(self.committed.metadata) if self.committed is not None else None

    @property
    def offset(self) -> int | None:
        """The committed offset."""
        return self.committed.offset if self.committed is not None else None

    @property
    def in_range(self) -> bool:
        """The committed offset is one the log can be read from."""
        return self.offset is not None and self.low <= self.offset <= self.high

    @property
    def made_anew(self) -> bool:
        """The topic is another one than that of the commit, though it has the same name."""
        mark = self.mark
        if mark is None or not mark.topic_id or not self.topic_id:
            return False  # Nobody can tell.
        return mark.topic_id != self.topic_id

    @property
    def same_log(self) -> bool:
        """The commit is known to be about the log that is there now."""
        mark = self.mark
        return mark is not None and mark.topic_id != "" and mark.topic_id == self.topic_id

    @property
    def lag(self) -> int | None:
        """How many offsets are left to read; None where the position says nothing of this log."""
        if self.offset is None or self.made_anew or not self.in_range:
            return None
        return self.high - self.offset

    def parked(self) -> str:
        """Return why the daemon would not read on from here; empty when it would."""
        if self.offset is None:
            return ""
        if self.made_anew:
            return "the topic was deleted and made anew"
        if self.offset < self.low:
            return "out of range: before the log's start"
        if self.offset > self.high:
            return "out of range: beyond the log's end"
        return ""

    def foreign(self, fingerprint: str) -> str | None:
        """Return whose fingerprint stands there when it is not this one; None otherwise."""
        mark = self.mark
        return mark.fingerprint if mark is not None and mark.fingerprint != fingerprint else None
