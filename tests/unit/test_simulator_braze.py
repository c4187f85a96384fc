"""What a fault makes of the order of application, on a clock and a schedule of the test's own."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from daemon.tools.simulator.answer import Delivery
from daemon.tools.simulator.braze import Braze, Parts
from daemon.tools.simulator.cohorts import Workspace
from daemon.tools.simulator.fault_list import FaultList
from daemon.tools.simulator.keys import Keys
from daemon.tools.simulator.quota import Quota
from daemon.tools.simulator.stats import Stats

KEYS = {"partner_api_key": "p", "client_secret": "s"}


class World:
    """The endpoints without a server: time passes when the test says so."""

    def __init__(self, *faults: str) -> None:
        self.now_s = 1_800_000_000.0
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.parts = Parts(Workspace(), Quota(), Keys(), FaultList(), Stats())
        self.braze = Braze(
            self.parts,
            partner=None,
            clock=lambda: self.now_s,
            schedule=lambda delay_s, act: self.later.append((self.now_s + delay_s, act)),
        )
        self.send("cohorts", name="VIP", created_at="2026-01-01T00:00:00Z")
        self.parts.faults.replace(faults)

    def send(self, endpoint: str, **fields: object) -> str:
        path = "/partners/acme/cohorts" + ("/users" if endpoint == "users" else "")
        body = orjson.dumps(KEYS | {"cohort_id": "vip"} | fields)
        return self.braze.handle("POST", path, body).outcome

    def change(self, user: str, *, remove: bool = False) -> str:
        changes = [{"user_ids": [user], "should_remove": remove}]
        return self.send("users", cohort_changes=changes)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        due = [act for at_s, act in self.later if at_s <= self.now_s]
        self.later = [(at_s, act) for at_s, act in self.later if at_s > self.now_s]
        for act in due:
            act()


def test_a_late_add_overtaken_by_its_removal_leaves_the_member_in() -> None:
    world = World("late=30s,count=1")

    outcomes = [world.change("u1"), world.change("u1", remove=True)]
    before = world.parts.workspace.members("vip")
    world.pass_time(30)

    assert outcomes == ["500", "201"]
    assert before == frozenset()
    assert world.parts.workspace.members("vip") == {"u1"}
    history = world.parts.workspace.history
    assert history.ops("vip", "u1") == ((1, False), (2, True))
    assert [each.arrival for each in history.since(1)] == [2, 1]
    assert [each.applied_at_s - each.arrived_at_s for each in history.since(1)] == [0.0, 30.0]


def test_what_is_still_to_be_applied_is_counted() -> None:
    world = World("queued,late=5s")

    outcome = world.change("u1")
    waiting = world.parts.stats.late
    world.pass_time(4.9)

    assert (outcome, waiting, world.parts.stats.late) == ("202", 1, 1)
    world.pass_time(0.1)
    assert world.parts.stats.late == 0
    assert world.parts.workspace.members("vip") == {"u1"}


def test_a_request_without_quota_meets_no_fault_and_is_not_applied() -> None:
    world = World("drop=after")
    world.parts.quota.set(world.now_s, remaining=0)

    assert world.change("u1") == "429"
    assert world.parts.workspace.members("vip") == frozenset()
    assert world.parts.faults.as_json()[0]["seen"] == 0


def test_the_log_of_arrivals_tells_how_each_request_ended() -> None:
    world = World("hang,count=1", "drop=after,count=1")

    for user in ("u1", "u2", "u3"):
        world.change(user)

    assert [(each.outcome, each.ids) for each in world.parts.stats.seen(1)] == [
        ("hung", 1),
        ("dropped", 1),
        ("201", 1),
    ]


def test_an_answer_is_delivered_as_the_fault_says() -> None:
    ways = {
        "truncate": Delivery.TRUNCATED,
        "drip": Delivery.DRIPPED,
        "huge": Delivery.PADDED,
        "hang": Delivery.HUNG,
        "drop=idle": Delivery.LAST,
        "status=500": Delivery.WHOLE,
    }

    for spec, delivery in ways.items():
        world = World(spec)
        body = orjson.dumps(KEYS | {"cohort_id": "vip", "cohort_changes": []})
        reaction = world.braze.handle("POST", "/partners/acme/cohorts/users", body)
        assert reaction.delivery is delivery, spec
