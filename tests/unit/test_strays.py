"""Members whose changes stand in more than one partition, found in bounded memory."""

from __future__ import annotations

import pytest

from daemon.core.model import Alias, Device
from daemon.tools.log import strays as module
from daemon.tools.log.strays import Place, Strays
from tests.support.builders import P0, P1, P2


def test_a_member_in_one_partition_is_none() -> None:
    strays = Strays()
    strays.add(P0, "vip", ["u1", "u2"])
    strays.add(P1, "vip", ["u3"])
    strays.add(P1, "other", ["u1"])  # The same user in another cohort is another member.

    found = strays.find()

    assert (found.strays, found.members) == (0, 4)


def test_a_member_in_two_partitions_is_found_where_it_was_first_met() -> None:
    strays = Strays()
    strays.add(P0, "vip", ["u1"], at=10)
    strays.add(P0, "vip", ["u1"], at=20)
    strays.close(P0)
    strays.add(P2, "vip", ["u1", "u2"], at=30)

    found = strays.find()

    assert (found.strays, found.members, found.one_in) == (1, 2, 1)
    assert [example.places for example in found.examples] == [(Place(P0, 10), Place(P2, 30))]


def test_a_member_in_three_partitions_counts_once() -> None:
    strays = Strays()
    for partition in (P0, P1, P2):
        strays.add(partition, "vip", ["u1"])

    assert strays.find().strays == 1


def test_kinds_of_identifiers_are_told_apart() -> None:
    strays = Strays()
    strays.add(P0, "vip", ["a", Device("a"), Alias("a", "b")])
    strays.add(P1, "vip", [Alias("b", "a")])

    assert strays.find().strays == 0


def test_what_was_packed_many_times_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECENT_MAX", 100)
    strays = Strays()
    for at in range(0, 5_000, 50):
        strays.add(P0, "vip", [f"u{at + n}" for n in range(50)], at)
    strays.add(P0, "vip", ["u7"], at=9_000)
    strays.add(P1, "vip", ["u7", "u4999"], at=1)

    found = strays.find()

    assert (found.members, found.strays) == (5_000, 2)
    assert {example.places[0].at for example in found.examples} == {0, 4_950}


def test_over_the_limit_a_part_is_looked_at_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECENT_MAX", 500)
    strays = Strays(hashes_max=1_000)
    every = [f"u{number}" for number in range(8_000)]
    for partition in (P0, P1):
        for at in range(0, 8_000, 400):
            strays.add(partition, "vip", every[at : at + 400], at)

    found = strays.find()

    assert found.one_in >= 16
    assert 0 < found.members <= 1_000
    assert found.strays == found.members  # All of them stand in both.
