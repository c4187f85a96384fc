"""When the daemon takes itself for stuck, and when it only waits as it was told to."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Listed, Outcome, Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.core.window import LANE_COST
from daemon.errors import CohortdError
from daemon.intake.ages import Ages
from daemon.intake.complaints import QUIET_S, Complaints
from daemon.intake.ownership import Standing
from daemon.intake.ports import Ports
from daemon.intake.watch import STUCK_AFTER_S, IntakeWatch, WatchRules
from daemon.kafka.client_errors import ClientEvent
from daemon.kafka.records import Kept, Run, Survey
from daemon.kafka.token_watch import NO_TOKEN
from daemon.metrics import CohortLabels, Metrics
from tests.support.corpus import FakeRecord

P, OTHER = Partition("input", 0), Partition("input", 1)
RULES = WatchRules(pending_max=1_000, overdue_s=32.0)
LATE_S = STUCK_AFTER_S + 1.0


class Scene:
    """An intake that owns one partition, as the watch sees it."""

    def __init__(self, end: int) -> None:
        self.relay = Relay(RelayRules(pending_max=RULES.pending_max), Lease(1e9))
        self.relay.assign({P: Start(0)})
        self.relay.acknowledge(self.relay.intents([P], 0.0), 0.0)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, CohortLabels((), 3), partition_labels=True)
        self.intake = SimpleNamespace(
            relay=self.relay,
            ownership=SimpleNamespace(assigned={P}, standing=Standing(), joined=True),
            session=SimpleNamespace(trouble=""),
            schemas=SimpleNamespace(trouble=""),
            committer=SimpleNamespace(committed={}, ages=Ages()),
            letters=SimpleNamespace(trouble=None, acknowledged=Counter()),
            ratio_exceeded={},
            draining=False,
            consumed=0,
            rejected=0,
            ends={},
            paused=lambda: {P: False},
        )
        consumer = SimpleNamespace(end_offset=lambda _: end)
        self.owned: list[frozenset[Partition]] = []
        self.surveys = SimpleNamespace(latest=None, own=self.owned.append)
        ports = Ports(
            cast("Any", consumer),
            cast("Any", None),
            lambda: 0.0,
            metrics,
            surveys=cast("Any", self.surveys),
        )
        self.unix_s = 0.0
        self.watch = IntakeWatch(cast("Any", self.intake), ports, lambda: self.unix_s, RULES)

    def look(self, now_s: float, *, held_elsewhere: bool = False) -> None:
        self.watch.turn(now_s, held_elsewhere=held_elsewhere)

    def number(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"cohortd_{name}", labels)


def test_behind_and_still_for_a_minute_ends_the_process() -> None:
    scene = Scene(end=5)
    scene.look(0.0)
    scene.look(STUCK_AFTER_S - 1.0)

    with pytest.raises(CohortdError, match="nothing has moved"):
        scene.look(LATE_S)


def test_at_the_end_of_the_log_it_may_be_still_for_ever() -> None:
    scene = Scene(end=0)

    scene.look(0.0)
    scene.look(1e6)


def test_behind_an_open_transaction_it_is_at_the_end_of_what_may_be_read() -> None:
    scene = Scene(end=5)
    scene.intake.ends[P] = 0

    scene.look(0.0)
    scene.look(1e6)


def test_a_window_that_is_not_overdue_is_nothing_to_worry_about() -> None:
    scene = Scene(end=1)
    scene.relay.absorb(ChangeSet(P, 0, 1, {"vip": {"u1": True}}, 1), 100.0)

    scene.look(100.0)
    scene.look(100.0 + RULES.overdue_s)  # Here its minute begins.
    scene.look(100.0 + RULES.overdue_s + STUCK_AFTER_S - 1.0)
    with pytest.raises(CohortdError, match="nothing has moved"):
        scene.look(100.0 + RULES.overdue_s + LATE_S)


def test_the_picture_counts_changes_and_says_what_they_weigh() -> None:
    scene = Scene(end=3)
    changes: dict[str, Changes] = {"vip": {"u1": True, "u2": True}, "new": {"u1": True}}
    scene.relay.absorb(ChangeSet(P, 0, 3, changes, 3), 0.0)

    view = scene.watch.turn(0.0, held_elsewhere=False)

    assert view is not None
    assert (view.pending, view.pending_weight) == (3, 3 + 2 * LANE_COST)
    assert [row.pending for row in view.partitions] == [3]


def test_while_the_sending_side_has_a_reason_it_is_patient() -> None:
    scene = Scene(end=5)

    scene.look(0.0, held_elsewhere=True)
    scene.look(1e6, held_elsewhere=True)


def test_where_some_partitions_are_not_read_on_for_memory_it_is_patient_and_says_so() -> None:
    scene = Scene(end=900)
    scene.relay.assign({OTHER: Start(0)})
    backlog: Changes = {f"u{number}": True for number in range(800)}
    scene.relay.absorb(ChangeSet(P, 0, 800, {"vip": backlog}, 800), 0.0)

    views = [scene.watch.turn(now_s, held_elsewhere=False) for now_s in (0.0, 1e6)]

    assert scene.relay.to_pause() == {P}
    assert all(view is not None and view.saturated for view in views)


@pytest.mark.parametrize("state", ["paused", "replaying", "parked"])
def test_a_partition_is_assigned_whatever_else_it_is(state: str) -> None:
    scene = Scene(end=5)
    if state == "paused":
        scene.intake.paused = lambda: {P: True}
    elif state == "replaying":
        scene.relay.give_up(P)
        scene.relay.assign({P: Start(0, sent_to=5)})
    else:
        scene.intake.ownership.standing.parked[P] = "its position is lost"

    view = scene.watch.turn(0.0, held_elsewhere=False)

    states = ("assigned", "paused", "replaying", "parked")
    shown = {name: scene.number("partitions", state=name) for name in states}
    assert shown == {**dict.fromkeys(states, 0.0), "assigned": 1.0, state: 1.0}
    assert view is not None
    assert [row.state for row in view.partitions] == [state]


def _settling_until(scene: Scene, until_s: float) -> None:
    """Let a removal wait for an add that Braze gave no clear answer to."""
    relay = scene.relay
    relay.absorb(ChangeSet(P, 0, 1, {"vip": {"u1": True}}, 1), 0.0)
    (flush,) = relay.seal(0.0, capacity=1, drain=True)
    relay.complete(Outcome(flush.id, listed=(Listed({"u1": True}, until_s),)), 0.0)
    relay.absorb(ChangeSet(P, 1, 2, {"vip": {"u1": False}, "new": {"u1": True}}, 2), 0.0)
    assert [each.cohort for each in relay.seal(0.0, capacity=2, drain=True)] == ["new"]


def test_while_a_window_waits_for_what_settles_that_is_declared_with_whose_and_how_long() -> None:
    scene = Scene(end=2)
    _settling_until(scene, 30.0)

    before, after = (scene.watch.turn(now_s, held_elsewhere=False) for now_s in (2.0, 30.0))

    assert before is not None
    assert before.holds["settle"] == "vip for 28 s"
    assert after is not None
    assert "settle" not in after.holds
    assert scene.number("blocked", reason="settle") == 0.0


def test_what_settles_is_on_the_metrics_page_meanwhile() -> None:
    scene = Scene(end=2)
    _settling_until(scene, 30.0)

    scene.look(2.0)

    assert scene.number("blocked", reason="settle") == 1.0


def test_what_settles_excuses_changes_that_are_overdue_until_it_has() -> None:
    scene = Scene(end=2)
    _settling_until(scene, 3_600.0)

    scene.look(0.0)
    scene.look(3_599.0)
    scene.look(3_600.0)
    with pytest.raises(CohortdError, match="nothing has moved"):
        scene.look(3_599.0 + LATE_S)


def test_what_settles_excuses_nobody_who_does_not_read_on() -> None:
    scene = Scene(end=9)
    _settling_until(scene, 3_600.0)

    scene.look(0.0)
    with pytest.raises(CohortdError, match="nothing has moved"):
        scene.look(LATE_S)


def _told(log_start: int, kept_s: float) -> Survey:
    return Survey(0.0, {}, {"input": 1}, log_starts={P: log_start}, kept={"input": Kept(kept_s)})


def test_where_the_log_begins_and_how_long_its_records_last_is_on_the_metrics_page() -> None:
    scene = Scene(end=5)
    of_p = {"topic": "input", "partition": "0"}
    scene.intake.committer.committed[P] = 0
    record = FakeRecord(b"", None, (), 0, (1, 1_000_000))
    scene.intake.committer.ages.read(Run(P, [record], 0, 1), 0.0)
    scene.unix_s = 1_600.0

    scene.look(0.0)
    assert scene.owned == [{P}]
    assert scene.number("log_start_offset", **of_p) is None
    assert scene.number("retention_headroom_seconds", **of_p) is None
    scene.surveys.latest = _told(0, 3_600.0)
    scene.look(1.0)

    assert scene.number("log_start_offset", **of_p) == 0.0
    assert scene.number("retention_headroom_seconds", **of_p) == 3_000.0
    scene.surveys.latest = _told(2, 3_600.0)
    scene.look(2.0)
    assert scene.number("log_start_offset", **of_p) == 2.0
    assert scene.number("retention_headroom_seconds", **of_p) == 0.0


def test_at_the_end_of_the_log_all_of_the_retention_is_left_unless_no_end_is_heard() -> None:
    scene = Scene(end=0)
    of_p = {"topic": "input", "partition": "0"}
    scene.intake.committer.committed[P] = 0
    scene.surveys.latest = _told(0, 3_600.0)
    scene.unix_s = 1_000.0
    scene.look(0.0)
    assert scene.number("retention_headroom_seconds", **of_p) == 3_600.0

    scene.intake.paused = lambda: {P: True}
    scene.unix_s = 1_600.0
    scene.look(1.0)

    assert scene.number("retention_headroom_seconds", **of_p) == 3_000.0


FAILING = ClientEvent("UNKNOWN", "Fetch failed", topic="input", reading=True, repeats=True)
MISSING = ClientEvent("UNKNOWN_TOPIC_OR_PART", "Subscribed topic not available", topic="gone")
REFUSED = ClientEvent(
    "TOPIC_AUTHORIZATION_FAILED", "Topic authorization failed", topic="secret", reading=True
)
DOWN = ClientEvent("_ALL_BROKERS_DOWN", "1/1 brokers are down")


def _survey(asked_at_s: float, *topics: str) -> Survey:
    return Survey(asked_at_s, {}, dict.fromkeys(topics, 1))


def test_a_complaint_of_the_client_is_over_when_the_brokers_are_heard() -> None:
    complaints = Complaints()
    complaints.turn([DOWN], 7, 0.0)
    assert "kafka.bootstrap_servers" in complaints.trouble

    complaints.turn([], 7, 1.0)
    assert complaints.trouble
    complaints.turn([], 8, 2.0)
    assert not complaints.trouble


def test_a_refused_login_is_told_before_the_brokers_that_seem_to_be_down() -> None:
    complaints = Complaints()
    complaints.turn([ClientEvent("_AUTHENTICATION", "invalid credentials"), DOWN], 0, 0.0)

    assert complaints.trouble.startswith("invalid credentials; correct the user")


def test_a_missing_token_is_told_when_the_brokers_are_no_longer_heard() -> None:
    complaints = Complaints()
    complaints.turn([], 7, 0.0)

    complaints.turn([ClientEvent(NO_TOKEN, "nobody is in")], 8, 1.0)
    assert not complaints.trouble
    complaints.turn([ClientEvent(NO_TOKEN, "nobody is in"), DOWN], 8, 2.0)
    assert complaints.trouble.startswith("nobody is in; give this process a role")


def test_a_missing_topic_is_missing_until_it_is_found_whatever_else_is_heard() -> None:
    complaints = Complaints()
    complaints.turn([DOWN, MISSING], 0, 5.0)
    assert not complaints.only_topics

    complaints.turn([], 1, 6.0)
    assert complaints.only_topics
    assert "gone" in complaints.trouble
    complaints.found(_survey(7.0, "other"), frozenset())
    assert "gone" in complaints.trouble
    complaints.found(_survey(4.0, "gone", "other"), frozenset())  # Asked before it was missed.
    assert "gone" in complaints.trouble
    complaints.found(_survey(7.0, "gone", "other"), frozenset())
    assert not complaints.trouble


def test_a_topic_that_may_not_be_read_is_well_again_only_when_it_is_read() -> None:
    complaints = Complaints()
    complaints.turn([REFUSED], 0, 5.0)
    assert "grant Read" in complaints.trouble

    complaints.found(_survey(7.0, "secret"), {"secret"})
    complaints.read(["other"])
    assert complaints.trouble
    complaints.read(["secret"])
    assert not complaints.trouble


def test_a_topic_that_could_not_be_read_is_no_trouble_once_it_is_another_replicas() -> None:
    complaints = Complaints()
    complaints.turn([REFUSED], 0, 5.0)

    complaints.found(_survey(7.0, "secret"), {"other"})

    assert not complaints.trouble


def test_a_fetch_that_fails_is_trouble_until_it_goes_well_whatever_comes_of_the_topics_others() -> (
    None
):
    complaints = Complaints()
    for now_s in range(10):
        complaints.turn([FAILING], now_s, float(now_s))
        complaints.read(["input"])
        complaints.failing({"input"}, float(now_s))
        assert "broker's own log" in complaints.trouble

    complaints.failing(set(), 9.0 + QUIET_S - 0.1)
    assert complaints.trouble  # The next fetch may still fail: those between say nothing.
    complaints.failing({"input"}, 9.0 + QUIET_S)
    assert complaints.trouble
    complaints.failing(set(), 9.0 + QUIET_S)
    assert not complaints.trouble


def test_a_fetch_that_fails_does_not_end_the_complaint_of_a_right_that_is_missing() -> None:
    complaints = Complaints()
    refused = msgspec.structs.replace(REFUSED, topic="input")
    complaints.turn([refused, FAILING], 0, 0.0)

    complaints.failing(set(), 100.0)

    assert "grant Read" in complaints.trouble


def test_a_fetch_that_fails_keeps_no_other_complaint_from_ending() -> None:
    complaints = Complaints()
    complaints.turn([DOWN, FAILING], 0, 0.0)

    complaints.turn([FAILING], 1, 1.0)

    assert complaints.only_topics
