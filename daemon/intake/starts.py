"""Where to begin newly assigned partitions: asks the broker, decides by `core.takeover`.

What topics there are, and their ids, comes with a survey; offsets and log ends are asked for.

It upholds "Missing offsets: one rule" of the guarantees. Every question has a time limit, and a
turn of the intake has one for all of them: what has no answer yet is asked for again later, and
keeps nothing else from beginning. A start without an answer is never a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Foreign, Log, Parked, first_start, take_over
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.kafka.records import Committed, Survey

# How long one question to the broker may take. The first time it is short, since a turn waits
# for it; each time it was in vain it is doubled, since the broker may only be slow. What only a
# partition's leader can tell has a patience of its own: one that is silent makes no other question
# longer. (Where there is none, and the metadata say so, librdkafka answers at once, measured.)
ASK_S_MIN = 0.4
ASK_S_MAX = 5.0
_DOUBLED_MAX = 4

# No question is begun in a turn that has asked for so long, or waited in vain for so long: the rest
# is for the next turns.
ROUND_S = 1.0
_IN_VAIN_S = 0.3

_Answer = TypeVar("_Answer")
Found: TypeAlias = Start | Foreign | Parked


class Offsets(Protocol):
    """Who is asked: the part of `ConsumerPort` that a start takes."""

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        """Return what the group has committed."""

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        """Return the first offset and the end of the log."""

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        """Return the first offset at or after a time, the end of the log when there is none."""


class FirstStart(msgspec.Struct, frozen=True):
    """Where a group begins a topic of which it has no offset: `earliest`, `latest`, or a time."""

    at: str = "earliest"
    timestamp_ms: int = 0


class Asked(msgspec.Struct, frozen=True):
    """What is known after one turn's questions: of each partition how to begin it, or why not yet.

    `in_vain` is what went wrong with a question; empty where there was only no time for more.
    """

    found: Mapping[Partition, Found]
    unanswered: Mapping[Partition, str]
    in_vain: str = ""


class Round:
    """The questions of one turn: as many as it has time for."""

    def __init__(self, clock: Callable[[], float], beat: Callable[[], None]) -> None:
        self.in_vain = ""
        self._clock = clock
        self._beat = beat  # Told before each question: a slow broker is no dead daemon.
        self._until_s = clock() + ROUND_S
        self._waited_s = 0.0  # In vain.

    @property
    def over(self) -> bool:
        """Tell whether there is no time for another question."""
        return self._clock() >= self._until_s or self._waited_s >= _IN_VAIN_S

    def ask(self, question: Callable[[], _Answer]) -> _Answer:
        """Return the answer. Raise KafkaUnavailable where there is none, or no time to ask."""
        if self.over:
            raise KafkaUnavailable(self.in_vain or "the brokers are still being asked")
        self._beat()
        begun_s = self._clock()
        try:
            return question()
        except KafkaUnavailable as error:
            self.in_vain = str(error)
            self._waited_s += self._clock() - begun_s
            raise


class Starts:
    """Finds how to begin partitions; remembers which topics there were when the process began.

    `start` applies to all partitions of a topic that are ours when the group is found to have no
    offset of it, also to one whose log can't be asked about until the others have committed
    theirs: until it is given away.
    """

    def __init__(
        self,
        consumer: Offsets,
        destination: Destination,
        first: FirstStart,
        clock: Callable[[], float],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._beat = beat
        self._consumer = consumer
        self._destination = destination
        self._first = first
        self._topics_before: frozenset[str] | None = None
        self._ask_s = ASK_S_MIN  # What the group has committed.
        self._round = Round(clock, beat)
        self._starting: set[Partition] = set()  # `start` applies, and where that is is not known.
        self._in_vain: Counter[Partition] = Counter()  # Questions about each log without an answer.
        self._known_ids: dict[str, str] = {}  # As this process first met each topic.
        self.backfill_ends: dict[Partition, int] = {}  # Where the log ended at a first start.

    def find(self, partitions: Sequence[Partition], survey: Survey, now_s: float) -> Asked:
        """Return how to begin each, given a survey that was asked for after they were assigned.

        Those that the broker does not tell enough of in a turn's time are to be asked for again.
        """
        self._round = Round(self._clock, self._beat)
        unanswered: dict[Partition, str] = {}
        committed = self._committed(partitions, unanswered)
        self._decide_first(committed, survey, unanswered)
        self._ask_s = min(2 * self._ask_s, ASK_S_MAX) if self._round.in_vain else ASK_S_MIN
        found: dict[Partition, Found] = {}
        for partition in sorted(committed, key=self._in_vain.__getitem__):  # Those first that may
            log = self._log(partition, survey)  # be answered: the time goes to all in turn.
            at = committed[partition]
            if at is not None:
                found[partition] = self._take_over(partition, at, log, now_s)
            elif partition not in unanswered:
                position = self._position(partition, unanswered)
                if position is not None:
                    found[partition] = first_start(position, log, self._destination)
        self.forget(list(found))
        return Asked(found, unanswered, self._round.in_vain if unanswered else "")

    def forget(self, partitions: Sequence[Partition]) -> None:
        """They have begun, or are no longer ours: the next time all is asked anew."""
        self._starting.difference_update(partitions)
        for partition in partitions:
            self._in_vain.pop(partition, None)

    def met(self, survey: Survey) -> None:
        """Remember which topics there were at first, and the ids they had when first met."""
        if self._topics_before is None:
            self._topics_before = frozenset(survey.partitions)
        self._known_ids = {**survey.ids, **self._known_ids}

    def _committed(
        self, partitions: Sequence[Partition], unanswered: dict[Partition, str]
    ) -> dict[Partition, Committed | None]:
        """Ask for all at once; one that is in trouble fails that, so then topic by topic."""
        try:
            return self._ask_committed(partitions)
        except KafkaUnavailable as error:
            unanswered.update(dict.fromkeys(partitions, str(error)))
        told: dict[Partition, Committed | None] = {}
        topics = dict.fromkeys(partition.topic for partition in partitions)
        for topic in topics if len(topics) > 1 else ():
            of_topic = [partition for partition in partitions if partition.topic == topic]
            try:
                told |= self._ask_committed(of_topic)
            except KafkaUnavailable as error:
                unanswered.update(dict.fromkeys(of_topic, str(error)))
        for partition in told:
            del unanswered[partition]
        return told

    def _ask_committed(self, partitions: Sequence[Partition]) -> dict[Partition, Committed | None]:
        return self._round.ask(lambda: self._consumer.committed(partitions, self._ask_s))

    def _decide_first(
        self,
        committed: Mapping[Partition, Committed | None],
        survey: Survey,
        unanswered: dict[Partition, str],
    ) -> None:
        """Find out whether `start` applies to those without an offset."""
        undecided: dict[str, list[Partition]] = {}
        for partition, at in committed.items():
            if at is None and partition not in self._starting:
                undecided.setdefault(partition.topic, []).append(partition)
        for topic, partitions in undecided.items():
            try:
                if not self._has_begun(topic, survey.partitions.get(topic, 0)):
                    self._starting.update(partitions)
            except KafkaUnavailable as error:
                unanswered.update(dict.fromkeys(partitions, str(error)))

    def _log(self, partition: Partition, survey: Survey) -> Log:
        topic = partition.topic
        return Log(survey.ids.get(topic, ""), self._known_ids.get(topic, ""))

    def _take_over(
        self, partition: Partition, committed: Committed, log: Log, now_s: float
    ) -> Found:
        mark = Mark.decode(committed.metadata)
        if mark is not None and mark.topic_id and mark.topic_id == log.topic_id:
            self._known_ids[partition.topic] = log.topic_id  # A person has said how to go on.
        offset = (committed.offset, committed.metadata, committed.leader_epoch)
        return take_over(offset, log, self._destination, now_s)

    def _has_begun(self, topic: str, partitions: int) -> bool:
        """Tell whether `start` is over for this topic.

        It is for a topic that appeared while running, and where any partition has an offset.
        """
        if self._topics_before is not None and topic not in self._topics_before:
            return True
        every = [Partition(topic, number) for number in range(partitions)]
        return any(self._ask_committed(every).values())

    def _position(self, partition: Partition, unanswered: dict[Partition, str]) -> int | None:
        """Return where to begin one without an offset; None where that is not answered."""
        asked = not self._round.over
        try:
            return self._first_offset(partition, begun=partition not in self._starting)
        except KafkaUnavailable as error:
            unanswered[partition] = str(error)
            self._in_vain[partition] += asked
            return None

    def _first_offset(self, partition: Partition, *, begun: bool) -> int:
        ask, consumer, first = self._round.ask, self._consumer, self._first
        doubled = min(self._in_vain[partition], _DOUBLED_MAX)
        limit_s = min(ASK_S_MIN * 2**doubled, ASK_S_MAX)
        low, high = ask(lambda: consumer.log_range(partition, limit_s))
        self.backfill_ends[partition] = high
        if begun or first.at == "earliest":
            return low
        if first.at == "latest":
            return high
        return ask(lambda: consumer.offset_at(partition, first.timestamp_ms, limit_s))
