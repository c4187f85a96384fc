"""One line that names many members, as several: each short enough to be kept whole.

What carries lines away cuts long ones, and a member that was cut off is one that nobody finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from daemon.logs.clean import MEMBER_FIELDS

if TYPE_CHECKING:
    from daemon.logs.clean import Plain

# What members take of one line, in characters: far below what a line may have in all.
MEMBERS_LENGTH_MAX = 4_096


def parts_of(fields: dict[str, Plain]) -> Iterator[dict[str, Plain]]:
    """Yield the fields as they are, or split by their members where these are too many.

    A part has every other field too, so that it can be found alone, and says which it is.
    """
    lists = {
        name: told
        for name, told in fields.items()
        if name in MEMBER_FIELDS and isinstance(told, list)
    }
    pieces = _pieces(lists) if lists else []
    if len(pieces) < 2:  # noqa: PLR2004
        yield fields
        return
    for number, piece in enumerate(pieces, start=1):
        yield fields | piece | {"part": number, "parts": len(pieces)}


def _pieces(lists: dict[str, list[Plain]]) -> list[dict[str, Plain]]:
    pieces: list[dict[str, list[Plain]]] = []
    length = MEMBERS_LENGTH_MAX
    for name, members in lists.items():
        for member in members:
            more = len(json.dumps(member, ensure_ascii=False)) + 1
            if length + more > MEMBERS_LENGTH_MAX:
                pieces.append({each: [] for each in lists})
                length = 0
            pieces[-1][name].append(member)
            length += more
    return [dict(piece) for piece in pieces]
