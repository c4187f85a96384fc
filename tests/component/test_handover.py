"""How long giving partitions up takes, where what touches them does not end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.core.model import Outcome
from daemon.core.outlook import Outlook
from daemon.intake.handover import CONFIRM_S, Handover
from daemon.intake.ports import Ports
from tests.support.builders import P0, abandoned, acknowledge, members, relay_of, run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.core.model import Flush, Partition

REQUEST_S = 2.0
ON_THE_WIRE = Outlook(busy=True)
NO_END_IN_SIGHT = Outlook(opens_s=1e9, next_s=1e9)


class Scene:
    """A relay that holds one window of a partition that is to be given up, and a slow Braze."""

    def __init__(self, outlook: Outlook) -> None:
        self.now_s = 0.0
        self.relay = relay_of()
        self.relay.absorb(run_of({"vip": members(3)}), 0.0)
        self.submitted: list[Flush] = []
        self.abandoned_at_s: float | None = None
        self.answered_at_s = float("inf")  # Nothing ends by itself; what is abandoned may.
        self.stop_at_s = float("inf")
        line = SimpleNamespace(
            submit=self.submitted.extend, abandon=self._abandon, outcomes=self._outcomes
        )
        nothing = cast("Any", None)
        ports = Ports(
            nothing, cast("Any", line), lambda: self.now_s, nothing, outlook=lambda: outlook
        )
        letters = SimpleNamespace(
            complete=lambda _, outcome, now_s: self.relay.complete(outcome, now_s),
            turn=lambda _: None,
        )
        self.committed: list[float] = []
        self.renewed: list[float] = []
        self.refuses = False
        committer = SimpleNamespace(
            commit_last=lambda _, now_s: self.committed.append(now_s),
            renew=self._renew,
            forget=lambda _: None,
        )
        self.handover = Handover(
            ports, self.relay, cast("Any", letters), cast("Any", committer), REQUEST_S
        )

    def _renew(self, partitions: Sequence[Partition], now_s: float) -> None:
        self.renewed.append(now_s)
        if not self.refuses:
            self.relay.acknowledge(self.relay.intents(partitions, now_s), now_s)

    def _abandon(self, flush_ids: Sequence[int]) -> None:
        self.abandoned_at_s = self.now_s

    def _outcomes(self, timeout_s: float) -> list[Outcome]:
        self.now_s += timeout_s
        if self.now_s >= self.stop_at_s:
            self.handover.stop_by_s = self.stop_at_s + REQUEST_S + CONFIRM_S
        if self.abandoned_at_s is None or self.now_s < self.answered_at_s:
            return []
        return [abandoned(flush) for flush in self.relay.in_flight.values()]


def test_what_is_on_the_wire_is_waited_for_until_the_deadline_less_a_request() -> None:
    scene = Scene(ON_THE_WIRE)
    scene.answered_at_s = 0.0

    scene.handover.revoke([P0], 12.0)

    assert scene.abandoned_at_s == pytest.approx(12.0 - REQUEST_S - CONFIRM_S, abs=0.1)
    assert scene.relay.tenures == {}


def test_what_can_not_start_in_time_is_abandoned_at_once() -> None:
    scene = Scene(NO_END_IN_SIGHT)
    scene.answered_at_s = 0.0

    scene.handover.revoke([P0], 12.0)

    assert len(scene.submitted) == 1
    assert scene.abandoned_at_s is not None
    assert scene.abandoned_at_s < 0.2
    assert scene.committed[0] < 0.3


def test_a_stop_shortens_a_hand_over_that_is_under_way() -> None:
    scene = Scene(ON_THE_WIRE)
    scene.stop_at_s = 3.0

    scene.handover.revoke([P0], 60.0)

    assert scene.abandoned_at_s == pytest.approx(3.0, abs=0.2)
    assert scene.committed[0] <= 3.0 + REQUEST_S + CONFIRM_S + 0.1
    assert scene.relay.tenures == {}


def test_on_a_stale_lease_nothing_is_waited_for() -> None:
    scene = Scene(Outlook(next_s=0.0))
    scene.now_s = 4_000.0
    acknowledge(scene.relay, 0.0)
    scene.answered_at_s = 0.0

    scene.handover.revoke([P0], 4_012.0)

    assert scene.submitted == []
    assert scene.committed == [4_000.0]


def test_a_lease_that_ran_out_is_renewed_to_finish_on() -> None:
    scene = Scene(ON_THE_WIRE)
    scene.now_s = 4_000.0

    scene.handover.renew_lease([P0])
    scene.handover.revoke([P0], 4_012.0)

    assert scene.renewed == [4_000.0]
    assert [len(flush.changes) for flush in scene.submitted] == [3]


def test_a_lease_that_can_not_be_renewed_is_not_asked_for_again() -> None:
    scene = Scene(ON_THE_WIRE)
    scene.refuses = True
    scene.now_s = 4_000.0

    scene.handover.renew_lease([P0])
    scene.handover.revoke([P0], 4_012.0)

    assert scene.renewed == [4_000.0]
    assert scene.submitted == []
    assert scene.committed == [4_000.0]


@pytest.mark.parametrize(("now_s", "held"), [(0.0, True), (4_000.0, False)])
def test_no_commit_is_waited_for_that_nothing_needs(now_s: float, *, held: bool) -> None:
    scene = Scene(ON_THE_WIRE)
    scene.now_s = now_s
    if not held:
        scene.relay.give_up(P0)

    scene.handover.renew_lease([P0])

    assert scene.renewed == []
