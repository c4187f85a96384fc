"""From a flush to the updates of single requests, and from a refused one to its halves (G3)."""

from __future__ import annotations

from collections.abc import Iterator
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
    for removed, added in _chunks(flush.changes):
        yield from _within_bytes(CohortUpdate(flush.cohort, added, removed))


def halves(update: CohortUpdate) -> tuple[CohortUpdate, CohortUpdate]:
    """Split a refused update of at least two members."""
    assert len(update) > 1, update.cohort
    middle = len(update) // 2
    joining = max(0, middle - len(update.removed))  # Who leaves comes first.
    return (
        CohortUpdate(update.cohort, update.added[:joining], update.removed[:middle]),
        CohortUpdate(update.cohort, update.added[joining:], update.removed[middle:]),
    )


def _chunks(changes: Merged) -> Iterator[tuple[list[Member], list[Member]]]:
    """Yield who leaves and who joins by each request.

    By keys alone, and all are walked through once for either: once at all where nobody leaves.
    """
    removed: Iterator[Member] = iter(())
    added = iter(changes)
    if not all(changes.values()):
        removed = compress(changes, map(not_, changes.values()))
        added = compress(changes, changes.values())
    while True:
        leave = list(islice(removed, MEMBERS_MAX))
        join = list(islice(added, MEMBERS_MAX - len(leave)))
        if not (leave or join):
            return
        yield leave, join


def _surely_within(update: CohortUpdate) -> bool:
    """Tell by the texts as a whole, a tenth of the cost; where some member is none, by nothing."""
    try:
        chars = len("".join(update.members))  # type: ignore[arg-type]  # A tuple raises.
    except TypeError:
        return False
    most = chars * _JSON_CHAR_BYTES_MAX + len(update) * _MEMBER_OVERHEAD_BYTES
    return most <= MEMBERS_BYTES_MAX


def _within_bytes(update: CohortUpdate) -> Iterator[CohortUpdate]:
    if _surely_within(update) or sum(map(member_bytes_max, update.members)) <= MEMBERS_BYTES_MAX:
        yield update
        return
    part: Changes = {}
    size = 0
    for member, add in update.changes.items():
        bytes_max = member_bytes_max(member)
        if part and size + bytes_max > MEMBERS_BYTES_MAX:
            yield CohortUpdate.of(update.cohort, part)
            part, size = {}, 0
        part[member] = add
        size += bytes_max
    yield CohortUpdate.of(update.cohort, part)
