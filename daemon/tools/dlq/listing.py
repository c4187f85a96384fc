"""`cohortd dlq list`: the letters in groups, by reason, source and cohort."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from daemon.clocks import utc_text
from daemon.config.document import one_line
from daemon.config.settings import Settings
from daemon.tools.dlq.choice import Choice
from daemon.tools.dlq.letter import DeadLetter
from daemon.tools.dlq.reading import Readers
from daemon.tools.dlq.source import read_letters, topic_of
from daemon.tools.log.asking import asking
from daemon.tools.table import print_columns

COLUMNS = ("reason", "topic", "cohort", "letters", "oldest", "newest", "example")
_EXAMPLES_MAX = 3
_UNREAD = "-"  # Of a letter that says no cohort by the present configuration.


@dataclass(slots=True)
class Group:
    """Letters of one reason, source and cohort."""

    reason: str
    topic: str
    cohort: str
    letters: int = 0
    oldest_ms: int | None = None
    newest_ms: int | None = None
    details: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def take(self, letter: DeadLetter) -> None:
        """Add a letter."""
        self.letters += 1
        self.details[letter.detail] += 1
        if letter.timestamp_ms is not None:
            at_ms = letter.timestamp_ms
            self.oldest_ms = at_ms if self.oldest_ms is None else min(self.oldest_ms, at_ms)
            self.newest_ms = at_ms if self.newest_ms is None else max(self.newest_ms, at_ms)
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(str(letter))

    def as_json(self) -> dict[str, object]:
        """Return it for machines."""
        return {
            "reason": self.reason,
            "topic": self.topic,
            "cohort": None if self.cohort == _UNREAD else self.cohort,
            "letters": self.letters,
            "oldest": _time(self.oldest_ms),
            "newest": _time(self.newest_ms),
            "details": dict(self.details.most_common(_EXAMPLES_MAX)),
            "examples": self.examples,
        }


def show_list(settings: Settings, choice: Choice, *, as_json: bool = False) -> int:
    """Print the groups, the largest first; nothing is changed. Return the exit code."""
    topic = topic_of(settings)
    readers = Readers(settings)
    with asking(settings, reads_much=True) as cluster:
        letters = read_letters(cluster, topic).letters
    groups = grouped(letters, readers, choice)
    if as_json:
        print(json.dumps({"topic": topic, "groups": [group.as_json() for group in groups]}))
        return 0
    total = sum(group.letters for group in groups)
    print(f"dead-letter topic {topic}: {total:,} of {len(letters):,} letters")
    if groups:
        print_columns(COLUMNS, [_row(group) for group in groups], right=("letters",))
    return 0


def grouped(letters: Iterable[DeadLetter], readers: Readers, choice: Choice) -> list[Group]:
    """Return the chosen letters in groups."""
    groups: dict[tuple[str, str, str], Group] = {}
    for letter in letters:
        cohorts = cohorts_of(letter, readers)
        if not choice.takes(letter, cohorts):
            continue
        topic = letter.source.topic if letter.source else _UNREAD
        for cohort in cohorts or (_UNREAD,):
            key = letter.reason, topic, cohort
            groups.setdefault(key, Group(*key)).take(letter)
    return sorted(groups.values(), key=lambda group: (-group.letters, group.reason, group.cohort))


def cohorts_of(letter: DeadLetter, readers: Readers) -> Sequence[str]:
    """Return the cohorts that a letter is about, as far as the present configuration can read."""
    if letter.source is None or readers.input_of(letter.source.topic) is None:
        return ()
    return readers.read(letter).cohorts


def _row(group: Group) -> list[str]:
    detail = group.details.most_common(1)[0][0]
    example = f"{group.examples[0]} {one_line(detail, 120)}".strip()
    told = [one_line(text, 60) for text in (group.reason, group.topic, group.cohort)]
    times = [_time(at_ms) or _UNREAD for at_ms in (group.oldest_ms, group.newest_ms)]
    return [*told, f"{group.letters:,}", *times, example]


def _time(at_ms: int | None) -> str | None:
    return utc_text(None if at_ms is None else at_ms / 1000)
