"""The whole daemon: several of one group."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage

WHOLE_BUDGET = 250_000 * 0.9 * 0.97 / 3600


def test_two_share_partitions_and_quota(wide_stage: Stage) -> None:
    stage = wide_stage
    first = stage.start()
    alone = first.wait_until_assigned(4)
    assert alone["quota"]["budget_per_s"] == pytest.approx(WHOLE_BUDGET, abs=0.1)
    second = stage.start()
    for daemon in (first, second):
        daemon.wait_until_assigned(2)
        half = daemon.wait_for(
            "half of the quota",
            # Nothing while its partitions are on their way from one to the other.
            lambda status: 0 < status["quota"]["budget_per_s"] < WHOLE_BUDGET * 0.6,
        )
        assert half["quota"]["budget_per_s"] == pytest.approx(WHOLE_BUDGET / 2, abs=0.1)


def test_one_without_a_partition_stands_by_and_takes_over(stage: Stage) -> None:
    first = stage.start()
    first.wait_until_assigned(1)
    second = stage.start()

    standing_by = second.wait_for("it stands by", lambda status: status["ready"])
    assert standing_by["membership"] == "standing_by"
    assert standing_by["partitions"] == []

    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    assert first.terminate() == 0
    stage.produce(add("vip", "u2"))
    stage.wait_members(vip={"u1", "u2"})
    assert len(stage.deliveries()) == 2
    wait_until("the offset follows", lambda: stage.committed_offset() == 2)


def test_a_rebalance_does_not_wait_for_what_can_not_be_sent(wide_stage: Stage) -> None:
    stage = wide_stage
    stage.simulator.set_faults("status=429,reset=600,endpoint=users")
    first = stage.start()
    first.wait_until_assigned(4)
    for partition in range(4):
        stage.produce(add(f"c{partition}", "u1"), partition=partition)
    first.wait_for_reason("quota")

    second = stage.start()

    revoked = first.wait_for_line("partitions_revoked")
    abandoned = first.wait_for_line("flush_abandoned")
    assert _at(abandoned) - _at(revoked) < 6.0  # The hand-over's own deadline comes after 9 s.
    # Not timed: the mock's group takes a round of 5 s for this, or two.
    second.wait_for_line("partition_started")
    stage.simulator.set_faults()


def _at(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()
