"""What the relay seals: by partition, names, disputes, barriers, sizes."""

from __future__ import annotations

from daemon.core.intent import Intent, Mark
from daemon.core.queue import WindowRules
from daemon.core.tenure import END_OF_LOG, Start
from tests.support.builders import (
    P0,
    P1,
    P2,
    accepted,
    acknowledge,
    cohorts,
    members,
    relay_of,
    run_of,
    seal_all,
)


def test_sealing_for_a_partition_takes_the_windows_that_touch_it_whatever_their_age() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"a": {"ann": True}, "b": {"ann": True}}, partition=P0), 0.0)
    relay.absorb(run_of({"b": {"bob": True}, "c": {"bob": True}}, partition=P1), 0.0)

    flushes = relay.seal_partitions([P0], 0.0)

    assert sorted(cohorts(flushes)) == ["a", "b"]
    assert relay.flushes_touching([P1]) == [f.id for f in flushes if f.cohort == "b"]
    assert relay.flushes_touching([P2]) == []


def test_the_name_is_a_persons_then_the_events_then_the_id() -> None:
    relay = relay_of(names={"a": "Override"})
    names = {"a": "From A", "b": "From B"}
    relay.absorb(run_of({c: {"ann": True} for c in "abc"}, names=names), 0.0)

    flushes = seal_all(relay)

    assert {f.cohort: f.name for f in flushes} == {"a": "Override", "b": "From B", "c": "c"}


def test_disputed_members_are_counted_and_the_lane_opened_last_wins() -> None:
    relay = relay_of([P0, P1])
    relay.absorb(run_of({"gold": {"ann": False}}, partition=P0), 0.0)
    relay.absorb(run_of({"gold": {"ann": True}}, partition=P1), 1.0)

    (flush,) = seal_all(relay, 1.0)

    assert flush.changes == {"ann": True}
    assert relay.tally.disagreements == 1


def test_changes_of_a_partition_in_front_of_its_barrier_stay_while_others_leave() -> None:
    relay = relay_of([P0])
    relay.assign({P1: Start(0, sent_to=100)})
    acknowledge(relay, 0.0)
    relay.absorb(run_of({"gold": {"ann": True}}, partition=P0), 0.0)
    relay.absorb(run_of({"gold": {"bob": True}}, 0, partition=P1, after=50), 0.0)

    (first,) = seal_all(relay)
    relay.complete(accepted(first), 1.0)
    before = seal_all(relay)
    relay.absorb(run_of({"gold": {"bob": False}}, 50, partition=P1, after=100), 1.0)
    (second,) = seal_all(relay)

    assert first.changes == {"ann": True}
    assert not before
    assert second.changes == {"bob": False}


def test_a_barrier_at_the_end_of_the_log_opens_there() -> None:
    relay = relay_of([])
    relay.assign({P0: Start(0, END_OF_LOG), P1: Start(0, END_OF_LOG)})
    acknowledge(relay, 0.0)

    relay.saw_end(P0, 10)
    relay.absorb(run_of({"gold": {"ann": True}}, 0, after=10), 0.0)
    relay.reached_end(P1)
    acknowledge(relay, 0.0)

    assert relay.tenures[P0].barrier_to is None
    assert relay.tenures[P1].barrier_to is None
    assert len(seal_all(relay)) == 1


def test_intents_are_made_for_owned_partitions_only() -> None:
    relay = relay_of([P0])

    intents = relay.intents([P0, P1], 0.0)

    assert intents == [Intent(P0, 0, Mark(20_000, False, "", "f1"))]


def test_large_windows_leave_before_they_are_old() -> None:
    relay = relay_of(windows=WindowRules(max_age_s=60, max_changes=3))
    relay.absorb(run_of({"small": members(2), "large": members(3)}), 0.0)

    flushes = relay.seal(0.0, capacity=9)

    assert cohorts(flushes) == ["large"]
