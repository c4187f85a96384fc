from __future__ import annotations

from collections.abc import Iterator

from daemon.core.model import CohortUpdate
from daemon.core.updates import Updates


def _update(member: str) -> CohortUpdate:
    return CohortUpdate.of("gold", {member: True})


ANN, BOB, CID, DAN = map(_update, ("ann", "bob", "cid", "dan"))


class _Counted:
    """Updates that are cut when they are asked for, and how many were."""

    def __init__(self, *updates: CohortUpdate) -> None:
        self._updates = updates
        self.asked = 0

    def __iter__(self) -> Iterator[CohortUpdate]:
        for update in self._updates:
            self.asked += 1
            yield update


def test_one_is_cut_only_when_it_comes_to_the_front() -> None:
    source = _Counted(ANN, BOB, CID)

    updates = Updates(iter(source))
    seen = [source.asked]
    taken = [updates.popleft()]
    seen.append(source.asked)
    updates.appendleft(taken[0])
    taken += [updates.popleft(), updates.popleft()]
    seen.append(source.asked)

    assert taken == [ANN, ANN, BOB]
    assert seen == [1, 2, 3]


def test_it_is_empty_when_all_are_taken() -> None:
    updates = Updates(iter([ANN, BOB]))

    seen = [bool(updates)]
    while updates:
        updates.popleft()
        seen.append(bool(updates))

    assert seen == [True, True, False]


def test_what_is_tried_again_later_comes_behind_those_not_cut() -> None:
    updates = Updates(iter([ANN, BOB]))

    updates.extend([CID])
    updates.appendleft(DAN)

    assert [updates.popleft() for _ in range(4)] == [DAN, ANN, BOB, CID]
    assert not updates


def test_what_is_tried_again_after_all_others_is_next() -> None:
    updates = Updates(iter([ANN]))
    updates.popleft()

    updates.extend([ANN])

    assert updates.popleft() is ANN


def test_looking_at_all_of_them_takes_none() -> None:
    updates = Updates(iter([ANN, BOB]))
    updates.extend([CID])

    seen = [list(updates), list(updates)]
    taken = [updates.popleft() for _ in range(3)]

    assert seen == [[ANN, BOB, CID]] * 2
    assert taken == [ANN, BOB, CID]
    assert not updates


def test_halves_take_the_place_of_what_is_removed() -> None:
    updates = Updates(iter([ANN, DAN]))

    updates.remove(ANN)
    updates.extendleft([CID, BOB])

    assert list(updates) == [BOB, CID, DAN]


def test_cleared_it_has_nothing_more() -> None:
    updates = Updates(iter([ANN, BOB]))
    updates.extend([CID])

    updates.clear()

    assert not updates
    assert list(updates) == []
