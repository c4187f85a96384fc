"""Judges what is committed: only what is done, by the owner, never backwards, with its mark."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from daemon.core.intent import TO_THE_END
from daemon.core.model import Partition
from daemon.kafka.records import Committed
from tests.simulation.log import Entry, Log
from tests.simulation.scenario import FINGERPRINT
from tests.simulation.world import Violation, World

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle, Sending

_EPSILON_S = 1e-6


class CommitJudge:
    """Hears of every commit the broker took, and of what a person wrote beside the daemons."""

    def __init__(self, world: World, log: Log, oracle: Oracle) -> None:
        self._world = world
        self._log = log
        self._oracle = oracle
        self._at: dict[Partition, int] = {}  # The place that is committed.
        self._skipped: dict[Partition, int] = {}
        self._continued: dict[Partition, int] = {}
        self._added: set[Partition] = set()

    def skipped(self, partition: Partition, place: int) -> bool:
        """Tell whether nobody promised a record: `start` or a person passed it, or it is gone."""
        gone = self._log.place(partition, 0)  # With a topic that was deleted.
        return place < max(gone, self._skipped.get(partition, 0))

    def progress(self) -> int:
        """Return a number that grows with every offset that is committed."""
        return sum(self._at.values())

    def set_by_person(self, partition: Partition, offset: int, *, broken: bool) -> None:
        """Note that somebody wrote an offset while the group had no member."""
        at = self._log.place(partition, offset)
        if at > self._at.get(partition, at):
            self._skipped[partition] = at
        self._at[partition] = at
        if broken:
            self._continued[partition] = at

    def added(self, partition: Partition) -> None:
        """Note a partition that comes into being; beside others that have an offset it is read
        from its first record."""
        if any(other.topic == partition.topic for other in self._at):
            self._added.add(partition)

    def asked(self, name: str, partition: Partition) -> None:
        """Judge that a process wants to commit what its client knows is not assigned to it."""
        raise Violation("G7", f"{name} asks to commit {partition}, which is not assigned to it")

    def taken(
        self, sender: Sending, partition: Partition, before: Committed | None, now: Committed
    ) -> None:
        """Judge a commit the broker took."""
        owner = self._oracle.owners.owner_name(partition)
        if owner != sender.name:
            self._fail("G7", f"{sender.name} committed {partition}, which {owner} owns")
        self._check_mark(partition, before, now)
        self._check_reach(sender, partition, before, now)
        at = self._log.place(partition, now.offset)
        first = self._log.place(partition, 0)
        low = self._at.get(partition, first)
        if low < first:
            self._fail("G2", f"{partition} was made anew, and is committed to {now.offset}")
        if at < low:
            self._fail("G7", f"{partition}: committed {now.offset} after {low - first}")
        if before is None and self._may_begin_late(partition):
            self._world.sometimes("skipped_by_start", int(at > low))
            self._skipped[partition] = at
        else:
            for record in self._log.between(partition, low - first, now.offset):
                self._check_done(partition, record)
        self._at[partition] = at
        self._note_flow(partition, at, low)
        if _mark(now)["s"] == "clean":
            self._check_clean(sender, partition, now.offset)

    def _fail(self, guarantee: str, what: str) -> None:
        raise Violation(guarantee, what)

    def _may_begin_late(self, partition: Partition) -> bool:
        """Tell whether `start` decides: not for a partition that was added to the others."""
        return self._world.plan.start == "latest" and partition not in self._added

    def _note_flow(self, partition: Partition, at: int, low: int) -> None:
        if at <= low:
            return
        if self._log.broken and partition not in self._log.broken:
            self._world.sometimes("others_flow_beside_parked")
        if at > self._continued.get(partition, at):
            del self._continued[partition]
            self._world.sometimes("parked_continued")

    def _check_mark(self, partition: Partition, before: Committed | None, now: Committed) -> None:
        mark = _mark(now)
        if mark.get("f") != FINGERPRINT:
            self._fail("G15", f"{partition}: committed without a word of whose it is: {mark}")
        if mark.get("t") not in ("", self._log.topic_id(partition.topic)):
            self._fail("G15", f"{partition}: committed as {mark.get('t')}")
        if before and sent_to(now) < sent_to(before) < math.inf:
            self._fail("G5", f"{partition}: sent_to fell from {sent_to(before)}")

    def _check_reach(
        self, sender: Sending, partition: Partition, before: Committed | None, now: Committed
    ) -> None:
        """Judge that a successor must replay as far as this process must, where all is unknown."""
        unknown = before is None or math.isinf(sent_to(before))
        opened = sender.excused_below(partition) > -math.inf
        if unknown and not opened and sent_to(now) < sender.begun_end(partition):
            end = sender.begun_end(partition)
            self._fail("G5", f"{partition}: sent_to {sent_to(now)} hides what may be up to {end}")

    def _check_done(self, partition: Partition, record: Entry) -> None:
        place = self._log.place(partition, record.offset())
        if record.key_of is None:
            if (partition, place) not in self._oracle.broken_lettered:
                self._fail("G2", f"{partition}: passed broken record {place}, no dead letter")
            return
        seen = self._oracle.keys[record.key_of]
        done = max(seen.acknowledged, seen.lettered)
        if done < place:
            self._fail("G2", f"{partition}: passed {place} of {record.key_of}, done to {done}")

    def _check_clean(self, sender: Sending, partition: Partition, offset: int) -> None:
        """Judge that nothing of it may still happen, and that its own wait was over."""
        self._world.sometimes("clean")
        now_s = self._world.now
        for key, seen in self._oracle.keys.items():
            if self._world.plan.place[key] == partition and any(
                request.risk_until_s > now_s + _EPSILON_S for request in seen.requests
            ):
                self._fail("G6", f"{partition} is called clean, but {key} may still change")
        if sender.waits_until_s(partition) > now_s + _EPSILON_S:
            self._fail("G6", f"{partition} is called clean while it waits itself")
        if self._log.between(partition, offset, sender.has_read_to(partition)):
            self._fail("G6", f"{partition} is called clean at {offset}, and more was read")


def _mark(committed: Committed) -> dict[str, object]:
    if not committed.metadata:
        return {"to": TO_THE_END, "s": "open"}
    mark: dict[str, object] = json.loads(committed.metadata)
    return mark


def is_open(committed: Committed) -> bool:
    """Tell whether whoever takes over must wait."""
    return _mark(committed)["s"] != "clean"


def sent_to(committed: Committed) -> float:
    """Return how far a commit says that may have been sent; -1 stands for the log's end."""
    to = int(str(_mark(committed)["to"]))
    return math.inf if to == TO_THE_END else to
