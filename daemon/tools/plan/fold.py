"""The fold of what waits: by the daemon's own decoders, one partition at a time.

What the last change of each member is, is known of a partition once its stretch has been read;
then it is counted, handed to whoever wants it, and forgotten. No value of a record is kept but
the ids of cohorts and members (G13 is with whoever shows something).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from daemon.core.model import Changes, Partition
from daemon.formats.decode import Decoded, Decoder
from daemon.intake.letters import Ratio
from daemon.kafka.records import Reject, Run
from daemon.tools.log.strays import Strays
from daemon.tools.plan.cost import Cost

EXAMPLES_MAX: Final = 5
REJECT_KINDS_MAX: Final = 200  # A detail names columns, so there are few; bounded all the same.

LastChanges: TypeAlias = Mapping[str, Changes]
Sink: TypeAlias = Callable[[Partition, LastChanges], None]


@dataclass(slots=True)
class RejectKind:
    """Records that can't be used for one reason."""

    topic: str
    reason: str
    detail: str
    count: int = 0
    examples: list[str] = field(default_factory=list)  # `topic:partition:offset`.

    def add(self, reject: Reject) -> None:
        """Count one."""
        self.count += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(f"{reject.partition}:{reject.offset}")


@dataclass(frozen=True, slots=True)
class FoldRules:
    """What the fold is held to."""

    stop_at_reject: bool = False  # No dead-letter topic: a partition stops at a bad record.
    max_reject_ratio: float = 1.0
    wanted: Callable[[str], bool] = lambda _: True  # By cohort id.


@dataclass(slots=True)
class Tally:
    """What all that was read adds up to."""

    records: int = 0
    changes: int = 0
    costs: dict[str, Cost] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    ignored: Counter[tuple[str, str]] = field(default_factory=Counter)  # By topic and rule.
    rejects: dict[tuple[str, str, str], RejectKind] = field(default_factory=dict)
    stops: dict[Partition, str] = field(default_factory=dict)  # Where a daemon would stand still.

    @property
    def members(self) -> int:
        """How many members would be named."""
        return sum(cost.members for cost in self.costs.values())

    def reject(self, reject: Reject) -> None:
        """Count a record that can't be used."""
        key = (reject.partition.topic, str(reject.reason), reject.detail)
        if key not in self.rejects and len(self.rejects) >= REJECT_KINDS_MAX:
            key = (reject.partition.topic, str(reject.reason), "more kinds of the same reason")
        kind = self.rejects.get(key)
        if kind is None:
            kind = self.rejects[key] = RejectKind(*key)
        kind.add(reject)


class Fold:
    """Takes runs and keeps the last word on each member of the partitions being read."""

    def __init__(
        self,
        decoder_of: Callable[[str], Decoder],
        rules: FoldRules,
        strays: Strays,
        sink: Sink | None = None,
    ) -> None:
        self.tally = Tally()
        self._decoder_of = decoder_of
        self._rules = rules
        self._strays = strays
        self._sink = sink
        self._decoders: dict[str, Decoder] = {}
        self._open: dict[Partition, dict[str, Changes]] = {}
        self._ratios: dict[Partition, Ratio] = {}

    def take(self, run: Run) -> None:
        """Take one run in; runs of a partition come in the order of its log."""
        partition, tally = run.partition, self.tally
        if partition in tally.stops:
            return
        decoder = self._decoders.get(partition.topic)
        if decoder is None:
            decoder = self._decoders[partition.topic] = self._decoder_of(partition.topic)
        decoded = decoder.decode(run, stop_at_reject=self._rules.stop_at_reject)
        ratio = self._ratios.setdefault(partition, Ratio(self._rules.max_reject_ratio))
        if ratio.exceeded(len(run.records), len(decoded.rejects)):
            tally.stops[partition] = (
                f"at offset {run.first_offset}: over {self._rules.max_reject_ratio:.0%} of the"
                " last records can't be used (dead_letter.max_ratio)"
            )
        for reject in decoded.rejects:
            tally.reject(reject)
        if partition in tally.stops:
            return
        for reject in decoded.rejects:
            if self._rules.stop_at_reject:
                tally.stops[partition] = (
                    f"at offset {reject.offset}: a record can't be used ({reject.reason}) and"
                    " dead_letter.topic is not set"
                )
        self._gather(partition, decoded, len(run.records))

    def _gather(self, partition: Partition, decoded: Decoded, records: int) -> None:
        tally, change_set = self.tally, decoded.change_set
        tally.records += records
        tally.changes += change_set.count
        for rule, number in decoded.ignored.items():
            tally.ignored[partition.topic, rule] += number
        tally.names.update(change_set.names)
        lanes = self._open.setdefault(partition, {})
        for cohort, changes in change_set.changes.items():
            lane = lanes.get(cohort)
            if lane is None:
                lanes[cohort] = changes
            else:
                lane.update(changes)

    def close(self, partition: Partition) -> None:
        """A partition's stretch has been read: count what it came to, and forget it."""
        self._ratios.pop(partition, None)
        lanes = self._open.pop(partition, {})
        selected = {cohort: each for cohort, each in lanes.items() if self._rules.wanted(cohort)}
        for cohort, changes in selected.items():
            cost = self.tally.costs.setdefault(cohort, Cost())
            cost.add(cohort, changes)
            self._strays.add(partition, cohort, changes)
        self._strays.close(partition)
        if self._sink is not None:
            self._sink(partition, selected)
