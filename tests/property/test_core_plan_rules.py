"""Plan parts members exactly; the pacer keeps its budget in any interval."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.model import Alias, Changes, Device, Member
from daemon.core.pacer import Budget, Pacer
from daemon.core.plan import MEMBERS_BYTES_MAX, MEMBERS_MAX, member_bytes_max, plan
from tests.support.builders import flush_of

_member: st.SearchStrategy[Member] = st.one_of(
    st.text(min_size=1, max_size=40),
    st.builds(Alias, st.text(min_size=1, max_size=9), st.sampled_from(["email", "crm"])),
    st.builds(Device, st.text(min_size=1, max_size=9)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(_member, st.booleans(), min_size=1, max_size=30),
    st.integers(0, 3_000),
    st.integers(1, 512),
)
def test_updates_part_the_members_exactly(some: Changes, more: int, length: int) -> None:
    changes = some | {f"{n:0{length}}": n % 3 > 0 for n in range(more)}

    updates = list(plan(flush_of(changes)))

    parts = list(itertools.chain.from_iterable(update.changes.items() for update in updates))
    assert len(parts) == len(changes)
    assert dict(parts) == changes
    assert all(1 <= len(update) <= MEMBERS_MAX for update in updates)
    assert all(sum(map(member_bytes_max, u.changes)) <= MEMBERS_BYTES_MAX for u in updates)
    directions = [add for _, add in parts]
    assert len(changes) <= MEMBERS_MAX or directions == sorted(directions)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 1), st.integers(0, 9)), max_size=30),
    st.floats(0, 1e8),
    st.integers(1, 24),
)
def test_no_interval_holds_more_than_its_rate_and_a_burst(
    steps: list[tuple[float, float, int]], now_s: float, burst: int
) -> None:
    pacer = Pacer(Budget(requests_per_hour=7_200, reserve=0.1, burst=burst), now_s)
    rate_s = pacer.rate_s
    taken: list[float] = []

    for wait_s, share, wanted in steps:
        now_s += wait_s
        pacer.set_share(share, now_s)
        for _ in range(wanted):
            if pacer.ready_at_s(now_s) <= now_s:
                pacer.take(now_s)
                taken.append(now_s)

    for first, from_s in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = burst + rate_s * (taken[last] - from_s)
            assert last - first + 1 <= allowed + 0.01
