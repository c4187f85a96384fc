"""`cohortd dlq show`: one letter, with what it says and without whom, unless that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from daemon.config.document import one_line
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.errors import CohortdError, Problem, SettingsError
from daemon.tools.dlq.letter import DeadLetter
from daemon.tools.dlq.reading import Readers, Reading
from daemon.tools.dlq.source import read_letters, topic_of
from daemon.tools.log.asking import asking
from daemon.tools.log.places import is_offset, is_partition

_SHOWN_MAX: Final = 4_000
_DEPTH_MAX: Final = 8
_NAME_MAX: Final = 1_000  # Of a file, so that the end of its path is seen too.


def show_one(settings: Settings, where: str, *, show_ids: bool, raw: Path | None) -> int:
    """Print the letter at PARTITION:OFFSET; write its value to `raw`, byte by byte.

    Raise SettingsError for what is no place, CohortdError where there is no letter, or where its
    value can't be written.
    """
    number, offset = parse_place(where)
    topic = topic_of(settings)
    place = Partition(topic, number)
    with asking(settings, reads_much=True) as cluster:
        letters = read_letters(cluster, topic, {place: offset}).letters
    letter = next((each for each in letters if (each.place, each.offset) == (place, offset)), None)
    if letter is None:
        raise CohortdError(f"{place} offset {offset}: there is no letter; see `cohortd dlq list`")
    for line in describe(letter, Readers(settings), show_ids=show_ids):
        print(line)
    if raw is not None:
        write_value(raw, letter.record.value() or b"")
    return 0


def write_value(file: Path, value: bytes) -> None:
    """Write what `--raw` asks for; raise CohortdError where that can't be done."""
    name = one_line(str(file), _NAME_MAX)
    try:
        file.write_bytes(value)
    except OSError as error:
        why = f"can't be written: {error.strerror or error}"
        raise CohortdError(f"--raw {name}: {why}; name a file that can be") from None
    print(f"value written to {name}")


def describe(letter: DeadLetter, readers: Readers, *, show_ids: bool) -> Iterator[str]:
    """Yield what is known of a letter, a line each."""
    source = letter.source
    yield f"letter {letter} of {letter.place.topic}"
    yield f"reason   {letter.reason}: {one_line(letter.detail, 300)}"
    if source is not None:
        last = f"-{letter.last_offset}" if letter.last_offset != letter.first_offset else ""
        yield f"source   {source} offset {letter.first_offset}{last}"
    yield f"replays  {letter.replays}"
    if letter.made:
        yield "made     anew, for a member that Braze refused"
    for name, value in letter.headers:
        told = _text(value) if show_ids else _shape_of_bytes(value)
        yield f"header   {one_line(name, 100)}: {told}"
    key, value = letter.record.key(), letter.record.value()
    yield f"key      {_text(key) if show_ids else _masked(key)}"
    yield f"value    {_text(value) if show_ids else _masked(value)}"
    known = source is not None and readers.input_of(source.topic) is not None
    yield f"now      {_now(readers.read(letter), show_ids) if known else 'in no input'}"


def _now(reading: Reading, show_ids: bool) -> str:  # noqa: FBT001
    if reading.reason:
        return f"still rejected, {reading.reason}: {reading.detail}"
    if reading.rule:
        return f"ignored, {reading.rule}"
    words = []
    for (cohort, member), add in reading.changes:
        whom = json.dumps(member, ensure_ascii=True) if show_ids else "a member"
        words.append(f"{'adds' if add else 'removes'} {whom} ({one_line(cohort, 60)})")
    return "; ".join(words)


def parse_place(where: str) -> tuple[int, int]:
    """Return the partition and the offset; raise SettingsError where they are none."""
    number, _, offset = where.partition(":")
    if not (is_partition(number) and is_offset(offset)):
        what = f"{one_line(where)} is no place of a letter"
        raise SettingsError([Problem("PARTITION:OFFSET", what, "write it like 0:17")])
    return int(number), int(offset)


def _text(value: bytes | None) -> str:
    if value is None:
        return "null"
    return one_line(value.decode(errors="backslashreplace"), _SHOWN_MAX)


def _masked(value: bytes | None) -> str:
    """Return the shape of a JSON text: names stay, values become their types."""
    if value is None:
        return "null"
    try:
        whole = json.loads(value)
    except (ValueError, RecursionError):
        return _shape_of_bytes(value)
    return one_line(json.dumps(_shape(whole, _DEPTH_MAX)), _SHOWN_MAX)


def _shape(value: Any, depth: int) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        if not depth:
            return "object"
        return {name: _shape(part, depth - 1) for name, part in value.items()}
    if isinstance(value, list):
        return [_shape(part, depth - 1) for part in value[:3]] if depth else "list"
    if isinstance(value, str):
        return f"text of {len(value)}" if value else ""
    if isinstance(value, bool) or value is None:
        return value
    return "number"


def _shape_of_bytes(value: bytes | None) -> str:
    return "null" if value is None else f"{len(value):,} bytes"
