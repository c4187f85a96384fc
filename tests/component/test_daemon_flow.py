"""The whole daemon: what stands in the topic is what Braze's cohorts become."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.core.model import Alias, Device
from tests.support.processes import wait_until
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.stage import Stage

ALIAS = Alias("a@example.com", "email")


def test_members_of_all_kinds_reach_their_cohorts(stage: Stage) -> None:
    stage.produce(
        add("vip", "u1", cohort_name="VIP customers"),
        add("vip", alias={"name": "a@example.com", "label": "email"}),
        add("vip", device_id="d1"),
        add("vip", "u2"),
        remove("vip", "u2"),
        add("zürich/1", "ü1"),
    )
    daemon = stage.start()

    stage.wait_members({"zürich/1": {"ü1"}}, vip={"u1", ALIAS, Device("d1")})
    first = {request.cohort: request for request in reversed(stage.simulator.history())}
    assert {cohort: request.name for cohort, request in first.items()} == {
        "vip": "VIP customers",  # Each cohort is announced before its first members.
        "zürich/1": "zürich/1",
    }
    assert ("vip", "u2", True) not in stage.deliveries()  # Only the last state leaves.

    stage.produce(add("vip", "u3"), remove("vip", device_id="d1"), add("zürich/1", "ü2"))
    stage.wait_members({"zürich/1": {"ü1", "ü2"}}, vip={"u1", "u3", ALIAS})
    daemon.wait_until_ready()
    assert daemon.get("/readyz")[0] == 200
    daemon.wait_for("all is counted", lambda status: status["counters"]["records_read"] == 9)

    assert daemon.terminate() == 0
    stage.produce(add("vip", "u4", cohort_name="VIPs"))
    again = stage.start()
    stage.wait_members(vip={"u1", "u3", "u4", ALIAS})
    assert stage.simulator.names()["vip"] == "VIPs"
    again.wait_for("one is counted", lambda status: status["counters"]["records_read"] == 1)


def test_a_name_that_a_person_gave_wins_and_other_cohorts_are_ignored(stage: Stage) -> None:
    stage.produce(add("vip", "u1", cohort_name="theirs"), add("other", "u1"), add("vipers", "u2"))
    daemon = stage.start(
        {
            "cohorts": {
                "include": ["vip*"],
                "exclude": ["vipers"],
                "id_prefix": "eu-",
                "overrides": {"vip": {"name": "ours"}},
            }
        }
    )

    stage.wait_members({"eu-vip": {"u1"}})
    assert stage.simulator.names() == {"eu-vip": "ours"}
    metrics = daemon.get("/metrics")[1]
    ignored = (
        f'cohortd_events_ignored_total{{rule="cohort_not_selected",topic="{stage.topic}"}} 2.0'
    )
    assert ignored in metrics


def test_a_thousand_members_go_into_full_requests_and_each_only_once(wide_stage: Stage) -> None:
    stage, members = wide_stage, [f"user-{number}" for number in range(5_000)]
    for partition in range(4):
        stage.produce(*(add("all", m) for m in members[partition::4]), partition=partition)
    stage.start()

    stage.wait_members(all=set(members))
    delivered = [member for _, member, _ in stage.deliveries()]
    assert len(delivered) == len(set(delivered))
    requests = [len(request) for request in stage.simulator.history() if len(request)]
    assert max(requests) == 1_000


def test_the_same_text_as_three_kinds_is_three_members_each_delivered_once(stage: Stage) -> None:
    alias, device = Alias("same", "same"), Device("same")
    stage.produce(
        add("vip", "same"),
        add("vip", alias={"name": "same", "label": "same"}),
        add("vip", device_id="same"),
    )
    stage.start()
    stage.wait_members(vip={"same", alias, device})

    stage.produce(remove("vip", device_id="same"))

    stage.wait_members(vip={"same", alias})
    assert sorted(stage.deliveries(), key=repr) == sorted(
        [
            ("vip", "same", True),
            ("vip", alias, True),
            ("vip", device, True),
            ("vip", device, False),
        ],
        key=repr,
    )


def test_the_order_of_offsets_counts_and_no_timestamp(stage: Stage) -> None:
    later_ms, earlier_ms = 1_900_000_000_000, 1_000_000_000_000
    stage.start()
    stage.produce(add("vip", "in-one-window", occurred_at=later_ms), timestamp=later_ms)
    stage.produce(remove("vip", "in-one-window", occurred_at=earlier_ms), timestamp=earlier_ms)
    stage.produce(remove("vip", "in-two", occurred_at=later_ms), timestamp=later_ms)
    stage.produce(add("vip", "witness"))
    stage.wait_members(vip={"witness"})

    stage.produce(add("vip", "in-two", occurred_at=earlier_ms), timestamp=earlier_ms)

    stage.wait_members(vip={"witness", "in-two"})
    states = [is_add for _, member, is_add in stage.deliveries() if member == "in-two"]
    assert states == [False, True]
    wait_until("the offset follows", lambda: stage.committed_offset() == 5)
