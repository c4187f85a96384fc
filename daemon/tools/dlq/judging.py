"""What is to become of each letter. Pure: told what it says now, and what its log holds behind it.

An old state must never become the newest (G1). So a letter comes back in only where the log it
comes from shows that nothing later is said of its members; where the log can't show that any more,
it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from daemon.core.model import Partition
from daemon.tools.dlq.letter import DeadLetter
from daemon.tools.dlq.reading import Reading, Who

REPLAYS_MAX: Final = 3  # One that is refused after so many comes back again and again.


class Fate(StrEnum):
    """What becomes of a letter: the closed list."""

    REPLAY = "replay"
    SUPERSEDED = "superseded"  # Something later is said of its member, or it stands here twice.
    STILL_REJECTED = "still_rejected"  # By the present configuration.
    IGNORED = "ignored"  # By a rule of the present configuration.
    REPLAYED_OFTEN = "replayed_often"  # It has come back too many times.
    LOG_GONE = "log_gone"  # Its log no longer shows what came after it.
    NO_INPUT = "no_input"  # No input of this configuration is its source.
    NOT_OURS_TO_WRITE = "not_ours_to_write"  # A connector owns the topic, or its format differs.


# Letters that will never come back in, whatever the configuration: progress passes them.
DONE: Final = frozenset({Fate.SUPERSEDED, Fate.REPLAYED_OFTEN, Fate.LOG_GONE})


class Where(NamedTuple):
    """A member of a cohort, in one partition."""

    partition: Partition
    who: Who


@dataclass(frozen=True, slots=True)
class Judged:
    """A letter and what becomes of it."""

    letter: DeadLetter
    fate: Fate
    detail: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Log:
    """What was seen of the inputs' partitions that letters come from."""

    ranges: Mapping[Partition, tuple[int, int]]  # First offset and end, as the scan met them.
    last: Mapping[Where, int]  # The last offset at which a member changes.


def judge(letters: Iterable[tuple[DeadLetter, Reading]], log: Log) -> list[Judged]:
    """Return what becomes of each letter, in the order given."""
    judged: list[Judged] = []
    met: dict[tuple[object, ...], DeadLetter] = {}
    for letter, reading in letters:
        fate, detail = _fate(letter, reading, log)
        if fate is Fate.REPLAY:
            twin = met.setdefault(_identity(letter, reading), letter)
            if twin is not letter:
                fate, detail = Fate.SUPERSEDED, f"the same record stands in letter {twin}"
        judged.append(Judged(letter, fate, detail, reading))
    return judged


def _identity(letter: DeadLetter, reading: Reading) -> tuple[object, ...]:
    return letter.source, letter.first_offset, letter.last_offset, reading.changes


def first_fate(letter: DeadLetter, reading: Reading | None) -> tuple[Fate, str] | None:
    """Return what is certain without a look at the log, None where the log decides."""
    if reading is None:
        return Fate.NO_INPUT, "no input of this configuration is its source"
    if letter.replays >= REPLAYS_MAX:
        return Fate.REPLAYED_OFTEN, f"it has been replayed {letter.replays} times"
    if reading.reason:
        return Fate.STILL_REJECTED, f"{reading.reason}: {reading.detail}"
    if reading.rule:
        return Fate.IGNORED, reading.rule
    return None


def _fate(letter: DeadLetter, reading: Reading, log: Log) -> tuple[Fate, str]:
    partition = letter.source
    assert partition is not None
    first, end = log.ranges[partition]
    if letter.last_offset >= end:
        return Fate.LOG_GONE, f"{partition} ends at {end}: the topic was made anew"
    if letter.last_offset + 1 < first:
        return Fate.LOG_GONE, f"{partition} begins at {first}: what followed it is gone"
    later = [
        offset
        for who, _ in reading.changes
        if (offset := log.last.get(Where(partition, who), -1)) > letter.last_offset
    ]
    if later:
        return Fate.SUPERSEDED, f"{partition} offset {max(later)} says something later"
    return Fate.REPLAY, ""
