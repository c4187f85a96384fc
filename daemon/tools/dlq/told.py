"""What a replay came to, for people and for machines. No id and no value is in it."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.config.document import one_line
from daemon.tools.dlq.judging import Fate, Judged
from daemon.tools.dlq.replay import Replayed
from daemon.tools.table import plain_lines


def lines(replayed: Replayed, *, dry_run: bool) -> Iterator[str]:
    """Yield the sum, then every letter that was not replayed, a line each."""
    counts = replayed.counts
    verb = "would be replayed" if dry_run else "replayed"
    kept = ", ".join(f"{counts[fate]} {fate}" for fate in Fate if fate is not Fate.REPLAY)
    yield f"{counts[Fate.REPLAY]} {verb}; {kept}; {replayed.left_out} left out"
    rows = [_row(each) for each in replayed.judged if each.fate is not Fate.REPLAY]
    if rows:
        yield from plain_lines(("letter", "source", "offset", "reason", "fate", "why"), rows)


def as_document(replayed: Replayed, *, dry_run: bool) -> dict[str, object]:
    """Return the same for machines, with the letters that were replayed."""
    return {
        "dry_run": dry_run,
        "counts": {str(fate): replayed.counts[fate] for fate in Fate},
        "left_out": replayed.left_out,
        "letters": [_entry(each) for each in replayed.judged],
    }


def _entry(judged: Judged) -> dict[str, object]:
    letter = judged.letter
    return {
        "letter": str(letter),
        "source": None if letter.source is None else str(letter.source),
        "offset": letter.first_offset,
        "reason": letter.reason,
        "fate": str(judged.fate),
        "why": judged.detail,
    }


def _row(judged: Judged) -> list[str]:
    return [one_line(str(told), 200) for told in _entry(judged).values()]
