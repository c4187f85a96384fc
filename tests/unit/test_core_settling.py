from __future__ import annotations

import math

from daemon.core.model import Listed
from daemon.core.settling import Settling


def _settling() -> Settling:
    settling = Settling()
    settling.add("gold", [Listed({"ann": True, "bob": False}, 30.0)], 0.0)
    return settling


def test_the_opposite_of_a_listed_member_waits() -> None:
    assert _settling().held_until_s("gold", {"ann": False}, 1.0) == 30.0
    assert _settling().held_until_s("gold", {"bob": True}, 1.0) == 30.0


def test_the_same_direction_does_not_wait() -> None:
    assert _settling().held_until_s("gold", {"ann": True, "bob": False}, 1.0) == -math.inf


def test_other_members_and_other_cohorts_do_not_wait() -> None:
    assert _settling().held_until_s("gold", {"cid": False}, 1.0) == -math.inf
    assert _settling().held_until_s("silver", {"ann": False}, 1.0) == -math.inf


def test_what_has_settled_does_not_wait() -> None:
    assert _settling().held_until_s("gold", {"ann": False}, 30.0) == -math.inf


def test_the_latest_of_several_opposites_counts() -> None:
    settling = _settling()
    settling.add("gold", [Listed({"cid": True}, 50.0)], 10.0)

    assert settling.held_until_s("gold", {"ann": False, "cid": False}, 11.0) == 50.0
    assert settling.held_until_s("gold", {"ann": False}, 11.0) == 30.0


def test_an_older_listing_shortens_nothing() -> None:
    settling = _settling()
    settling.add("gold", [Listed({"ann": True}, 20.0)], 1.0)

    assert settling.held_until_s("gold", {"ann": False}, 2.0) == 30.0


def test_members_that_say_the_same_share_one_note() -> None:
    settling = Settling()
    settling.add("gold", [Listed({"ann": True, "bob": True, "cid": False}, 30.0)], 0.0)
    settling.add("gold", [], 1.0)

    notes = settling._listed["gold"]

    assert notes["ann"] is notes["bob"]
    assert notes["cid"] == (False, 30.0)


def test_the_last_word_on_a_member_counts_and_the_same_word_for_as_long_as_any() -> None:
    settling = Settling()
    settling.add("gold", [Listed({"ann": True}, 30.0), Listed({"ann": False}, 20.0)], 0.0)
    settling.add("gold", [Listed({"ann": False}, 10.0)], 0.0)

    assert settling.held_until_s("gold", {"ann": True}, 1.0) == 20.0
    assert settling.held_until_s("gold", {"ann": False}, 1.0) == -math.inf


def test_a_cohort_without_further_changes_leaves_nothing_behind() -> None:
    settling = _settling()

    settling.forget(31.0)

    assert not settling._listed
    assert not settling._settled_at_s
