"""`cohortd dlq replay`: letters that the present configuration can read come back in.

A letter is appended to the partition it comes from, and only where nothing later is said there of
its members. So the command may be repeated at any time: what has come back stands later in its log
than the letter, and is not written twice.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from daemon.config.document import one_line
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.errors import Problem, SettingsError
from daemon.intake.dead_letters import native_event, native_key
from daemon.tools.check.cluster import Cluster
from daemon.tools.dlq.choice import Choice
from daemon.tools.dlq.judging import DONE, Fate, Judged, Log, Where, first_fate, judge
from daemon.tools.dlq.letter import DeadLetter
from daemon.tools.dlq.reading import Readers, Reading, written_by_a_connector
from daemon.tools.dlq.scanning import look_at_logs
from daemon.tools.dlq.source import Letters, partitions_of, read_letters, topic_of
from daemon.tools.dlq.writing import BATCH_MAX, Again, Writer
from daemon.tools.log.asking import asking


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asks of a replay."""

    choice: Choice = field(default_factory=Choice)
    most: int | None = None
    dry_run: bool = False
    into: str | None = None
    from_beginning: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of the letters looked at, and how many were left out."""

    judged: tuple[Judged, ...]
    written: int
    left_out: int  # Not chosen, or beyond `most`.

    @property
    def counts(self) -> Counter[Fate]:
        """How many met each fate."""
        return Counter(each.fate for each in self.judged)


def replay(settings: Settings, wishes: Wishes) -> Replayed:
    """Do as is wished. Raise SettingsError for what can't be meant, CohortdError otherwise."""
    topic = topic_of(settings)
    readers = Readers(settings)
    _check_into(readers, wishes.into)
    with asking(settings, reads_much=True) as cluster, Writer(settings, readers) as writer:
        begin = {} if wishes.from_beginning else writer.progress(partitions_of(cluster, topic))
        letters = read_letters(cluster, topic, begin)
        read, known = _read_all(readers, letters, wishes)
        log = look_at_logs(cluster, readers, read)
        judged = [*known, *_placed(readers, judge(read, log), wishes)]
        left_out = len(letters.letters) - len(judged)
        if wishes.dry_run:
            return Replayed(_in_order(judged), 0, left_out)
        judged, written = _write(cluster, writer, judged, log, wishes)
        writer.note_progress(_progress(letters, judged, begin))
        return Replayed(_in_order(judged), written, left_out)


def _check_into(readers: Readers, into: str | None) -> None:
    if into is None:
        return
    entry = readers.input_of(into)
    if entry is None or entry.format != "native":
        what = f"{one_line(into)} is no input of format native"
        remedy = "records are written there as native events: name an input that reads such"
        raise SettingsError([Problem("--into", what, remedy)])


def _read_all(
    readers: Readers, letters: Letters, wishes: Wishes
) -> tuple[list[tuple[DeadLetter, Reading]], list[Judged]]:
    """Return the chosen letters that the log decides on, and those whose fate is certain."""
    read: list[tuple[DeadLetter, Reading]] = []
    known: list[Judged] = []
    for letter in letters.letters:
        ours = letter.source is not None and readers.input_of(letter.source.topic) is not None
        reading = readers.read(letter) if ours else None
        if not wishes.choice.takes(letter, reading.cohorts if reading else ()):
            continue
        fate = first_fate(letter, reading)
        if fate is not None:
            known.append(Judged(letter, *fate, reading or Reading()))
        else:
            assert reading is not None
            read.append((letter, reading))
    return read, known


def _placed(readers: Readers, judged: Sequence[Judged], wishes: Wishes) -> list[Judged]:
    """Keep back what may not be written where it comes from, and what is beyond the number."""
    kept: list[Judged] = []
    chosen = 0
    for each in judged:
        if each.fate is Fate.REPLAY and wishes.into is None:
            why = _not_ours(readers, each.letter)
            if why:
                kept.append(replace(each, fate=Fate.NOT_OURS_TO_WRITE, detail=why))
                continue
        if each.fate is Fate.REPLAY:
            chosen += 1
            if wishes.most is not None and chosen > wishes.most:
                continue
        kept.append(each)
    return kept


def _not_ours(readers: Readers, letter: DeadLetter) -> str:
    assert letter.source is not None
    entry = readers.input_of(letter.source.topic)
    assert entry is not None
    if written_by_a_connector(entry):
        return f"{letter.source.topic} is its source's own; --into TOPIC names a native input"
    if letter.made and entry.format != "native":
        return f"{letter.source.topic} takes no native events; --into TOPIC names one that does"
    return ""


def _write(
    cluster: Cluster, writer: Writer, judged: Sequence[Judged], log: Log, wishes: Wishes
) -> tuple[list[Judged], int]:
    """Write what is to be replayed; what was overtaken meanwhile becomes superseded."""
    fates = list(judged)
    width = len(partitions_of(cluster, wishes.into)) if wishes.into else 0
    at_of = {id(each): at for at, each in enumerate(fates)}
    written = 0
    seen = {partition: end for partition, (_, end) in log.ranges.items()}
    todo = [each for each in fates if each.fate is Fate.REPLAY]
    for begin in range(0, len(todo), BATCH_MAX):
        left = todo[begin : begin + BATCH_MAX]
        while left:
            records = [record for each in left for record in _records(each, wishes.into, width)]
            later = writer.write(records, seen)
            if not later:
                written += len(left)
                break
            for each in [each for each in left if _overtaken(each, later)]:
                left.remove(each)
                detail = f"{each.letter.source}: something later was written meanwhile"
                fates[at_of[id(each)]] = replace(each, fate=Fate.SUPERSEDED, detail=detail)
    return fates, written


def _overtaken(judged: Judged, later: dict[Where, int]) -> bool:
    assert judged.letter.source is not None
    return any(Where(judged.letter.source, who) in later for who, _ in judged.reading.changes)


def _records(judged: Judged, into: str | None, width: int) -> Iterator[Again]:
    letter = judged.letter
    assert letter.source is not None
    everybody = tuple(who for who, _ in judged.reading.changes)
    headers = letter.replay_headers()
    if into is None:
        record = letter.record
        yield Again(letter.source, letter.source, record.key(), record.value(), headers, everybody)
        return
    for who, add in judged.reading.changes:
        key = native_key(*who)
        partition = Partition(into, zlib.crc32(key) % width)
        yield Again(letter.source, partition, key, native_event(*who, add=add), headers, (who,))


def _progress(
    letters: Letters, judged: Sequence[Judged], begin: dict[Partition, int]
) -> dict[Partition, int]:
    """Return from where letters are not dealt with: up to the first that may still come back."""
    done = {
        (each.letter.place, each.letter.offset)
        for each in judged
        if each.fate is Fate.REPLAY or each.fate in DONE
    }
    offsets = dict(letters.ends)
    for letter in reversed(letters.letters):
        if (letter.place, letter.offset) not in done:
            offsets[letter.place] = letter.offset
    return {p: offset for p, offset in offsets.items() if offset > begin.get(p, 0)}


def _in_order(judged: Sequence[Judged]) -> tuple[Judged, ...]:
    return tuple(sorted(judged, key=lambda each: (each.letter.place, each.letter.offset)))
