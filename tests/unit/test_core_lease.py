from __future__ import annotations

import pytest

from daemon.core.lease import Lease, lease_length_s


def test_a_lease_is_what_is_left_of_the_session() -> None:
    assert lease_length_s(45.0, 3.0, 10.0) == 30.0


def test_a_new_lease_is_not_fresh() -> None:
    assert not Lease(10.0).fresh(-1e9)


def test_a_commit_is_good_from_when_it_was_sent() -> None:
    lease = Lease(10.0)

    lease.renew(100.0)

    assert lease.fresh(109.9)
    assert not lease.fresh(110.0)


def test_a_commit_is_overdue_when_half_of_the_lease_is_over() -> None:
    lease = Lease(10.0)
    assert lease.overdue(0.0)  # None was taken yet.

    lease.renew(100.0)

    assert not lease.overdue(105.0)
    assert lease.overdue(105.1)
    assert lease.overdue(200.0)


def test_without_a_length_no_commit_is_overdue() -> None:
    assert not Lease(0).overdue(100.0)


def test_an_older_commit_shortens_nothing() -> None:
    lease = Lease(10.0)
    lease.renew(100.0)

    lease.renew(50.0)

    assert lease.until_s == 110.0


def test_a_lease_of_under_a_second_is_refused() -> None:
    with pytest.raises(AssertionError):
        Lease(0.9)


def test_without_a_length_no_commit_makes_it_fresh_until_there_is_one() -> None:
    lease = Lease(0)
    lease.renew(100.0)
    assert not lease.fresh(100.0)

    lease.set_length(5.0)

    assert lease.fresh(104.9)
    assert not lease.fresh(105.0)


def test_a_shorter_length_counts_for_what_was_accepted_before() -> None:
    lease = Lease(10.0)
    lease.renew(100.0)

    lease.set_length(3.0)

    assert lease.until_s == 103.0
