"""From a flush to the updates of single requests, and from a refused one to its halves (G3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, islice
from operator import not_

from daemon.core.model import Changes, CohortUpdate, Flush, Member, Merged

# Braze: at most 1,000 user_ids, device_ids and aliases in one request, over all its changes.
MEMBERS_MAX = 1_000

# One request is at most 1 MiB (G3); the rest of the body is far below the difference.
MEMBERS_BYTES_MAX = 1_000_000

_JSON_CHAR_BYTES_MAX = 6  # `\\u0000`, the longest that one character becomes.
_MEMBER_OVERHEAD_BYTES = 40  # Quotes, commas, and the names of an alias's two fields.


def member_bytes_max(member: Member) -> int:
    """Return an upper bound of what a member takes in a body."""
    chars = len(member) if isinstance(member, str) else sum(map(len, member))
    return chars * _JSON_CHAR_BYTES_MAX + _MEMBER_OVERHEAD_BYTES


def plan(flush: Flush) -> Iterator[CohortUpdate]:
    """Split the changes into updates that partition the members exactly, one as it is asked for.

    Removals go first: somebody who has left must not be messaged while a long backlog of
    additions is on its way.
    """
    for chunk in _chunks(flush.changes):
        for part in _within_bytes(chunk):
            yield CohortUpdate(flush.cohort, part)


def halves(update: CohortUpdate) -> tuple[CohortUpdate, CohortUpdate]:
    """Split a refused update of at least two members."""
    assert len(update) > 1, update.cohort
    items = list(update.changes.items())
    middle = len(items) // 2
    return (
        CohortUpdate(update.cohort, dict(items[:middle])),
        CohortUpdate(update.cohort, dict(items[middle:])),
    )


def _chunks(changes: Merged) -> Iterator[Changes]:
    if len(changes) <= MEMBERS_MAX:
        yield changes if isinstance(changes, dict) else dict(changes)
        return
    # By keys alone: to make tables of pairs takes nearly twice the time (measured).
    removed = compress(changes, map(not_, changes.values()))
    added = compress(changes, changes.values())
    while chunk := dict.fromkeys(islice(removed, MEMBERS_MAX), False):
        chunk.update(dict.fromkeys(islice(added, MEMBERS_MAX - len(chunk)), True))
        yield chunk
    while chunk := dict.fromkeys(islice(added, MEMBERS_MAX), True):
        yield chunk


def _surely_within(chunk: Changes) -> bool:
    """Tell by the texts as a whole, a tenth of the cost; where some member is none, by nothing."""
    try:
        chars = len("".join(chunk))  # type: ignore[arg-type]  # A tuple raises.
    except TypeError:
        return False
    most = chars * _JSON_CHAR_BYTES_MAX + len(chunk) * _MEMBER_OVERHEAD_BYTES
    return most <= MEMBERS_BYTES_MAX


def _within_bytes(chunk: Changes) -> Iterable[Changes]:
    if _surely_within(chunk) or sum(map(member_bytes_max, chunk)) <= MEMBERS_BYTES_MAX:
        yield chunk
        return
    part: Changes = {}
    size = 0
    for member, add in chunk.items():
        bytes_max = member_bytes_max(member)
        if part and size + bytes_max > MEMBERS_BYTES_MAX:
            yield part
            part, size = {}, 0
        part[member] = add
        size += bytes_max
    yield part
