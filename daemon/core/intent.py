"""The write-ahead intent that travels with every committed offset (G5, G6, G15).

`sent_to` says how far this group may have sent; `clean` that nothing of the partition can still
be on its way; `topic_id` and `fingerprint` what the offset belongs to. Kafka limits metadata to
4,096 bytes by default (`offset.metadata.max.bytes`); ours stays under 200.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from daemon.core.model import Partition

_VERSION = 1
METADATA_BYTES_MAX = 200

# A `sent_to` for as long as nobody knows where the log ended when we took over: a commit made
# before that must not hide from a successor that the barrier is there (G5).
TO_THE_END = -1
_SENT_TO_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands in the metadata of a committed offset."""

    sent_to: int
    clean: bool
    topic_id: str
    fingerprint: str

    def encode(self) -> str:
        """Return the metadata text."""
        text = self._text()
        assert len(text) <= METADATA_BYTES_MAX, text
        return text

    def _text(self) -> str:
        return json.dumps(
            {
                "v": _VERSION,
                "to": self.sent_to,
                "s": "clean" if self.clean else "open",
                "t": self.topic_id,
                "f": self.fingerprint,
            },
            separators=(",", ":"),
        )

    @classmethod
    def decode(cls, text: str | None) -> Mark | None:
        """Return None for what is not ours: an admin's reset wipes it, a stranger never wrote it.

        An unknown version reads as no metadata, so a newer daemon's commit costs an older one
        the wait and the barrier at the log's end, and nothing else.
        """
        try:
            found = json.loads(text or "")
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict) or found.get("v") != _VERSION:
            return None
        sent_to, state = found.get("to"), found.get("s")
        if type(sent_to) is not int or state not in ("open", "clean"):
            return None
        if not TO_THE_END <= sent_to <= _SENT_TO_MAX:
            return None
        mark = cls(sent_to, state == "clean", str(found.get("t", "")), str(found.get("f", "")))
        # What is longer no daemon has written, and none could write again.
        return mark if len(mark._text()) <= METADATA_BYTES_MAX else None


@dataclass(frozen=True, slots=True)
class Intent:
    """An offset to commit for a partition we own, with its mark."""

    partition: Partition
    offset: int
    mark: Mark
    leader_epoch: int | None = None
