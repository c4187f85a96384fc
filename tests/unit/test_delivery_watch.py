from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from daemon.braze.recent import KEPT_MAX, RECENT_S, Recent
from daemon.braze.watch import DeliveryWatch, blocked_now
from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.model import CohortUpdate, Flush, Lane, Outcome, Partition
from daemon.core.pacer import Budget
from daemon.core.verdict import Answer, Quota, Sent, Verdict
from daemon.logs import event
from daemon.metrics import CohortLabels, Metrics
from daemon.status import Spread
from tests.support.builders import ACCEPTED, TURN, flush_of, members
from tests.support.sending import Sending, always


def _watch(registry: CollectorRegistry) -> DeliveryWatch:
    return DeliveryWatch(Metrics(registry, CohortLabels((), 10)), dict, {})


def _answered(watch: DeliveryWatch, remaining: int, reset_at_s: float) -> None:
    update = CohortUpdate.of("vip", {"ann": True, "bob": False})
    answer = Answer(
        Verdict.ACCEPTED, Sent.ANSWERED, "ok", 201, quota=Quota(1_000, remaining, reset_at_s)
    )
    watch.answered(Attempt(1, "vip", "VIP", update, None), answer, 0.1, 0.0)


def test_what_others_used_of_the_hour_is_what_this_replica_did_not_send() -> None:
    registry = CollectorRegistry()
    watch = _watch(registry)

    _answered(watch, 900, 3_600.0)
    _answered(watch, 890, 3_600.0)

    assert registry.get_sample_value("cohortd_braze_quota_used_by_others_requests") == 108


def test_a_new_hour_begins_with_nothing_sent() -> None:
    registry = CollectorRegistry()
    watch = _watch(registry)
    _answered(watch, 900, 3_600.0)

    _answered(watch, 999, 7_200.0)

    assert registry.get_sample_value("cohortd_braze_quota_used_by_others_requests") == 0


def test_adds_and_removals_of_an_accepted_update_are_counted_apart() -> None:
    registry = CollectorRegistry()
    watch = _watch(registry)

    _answered(watch, 900, 3_600.0)

    for op in ("add", "remove"):
        labels = {"cohort": "vip", "op": op}
        assert registry.get_sample_value("cohortd_changes_delivered_total", labels) == 1


def test_the_size_that_is_measured_is_that_of_a_request_that_was_accepted() -> None:
    registry = CollectorRegistry()
    watch = _watch(registry)
    refused = Answer(Verdict.REFUSED, Sent.ANSWERED, "refused", 400)
    update = CohortUpdate.of("vip", {"ann": True, "bob": False})

    watch.answered(Attempt(1, "vip", "VIP", update, None), refused, 0.1, 0.0)
    _answered(watch, 900, 3_600.0)
    _answered(watch, 899, 3_600.0)

    assert registry.get_sample_value("cohortd_flush_size_count") == 2
    assert registry.get_sample_value("cohortd_flush_size_sum") == 4


def test_errors_of_an_accepted_update_are_counted_and_sampled() -> None:
    registry = CollectorRegistry()
    update = CohortUpdate.of("vip", {"ann": True, "bob": False})
    answer = Answer(Verdict.ACCEPTED, Sent.ANSWERED, "ok", 200, "success: unknown [id]", errors=2)

    with capture_logs() as lines:
        _watch(registry).answered(Attempt(1, "vip", "VIP", update, None), answer, 0.1, 0.0)

    assert registry.get_sample_value("cohortd_braze_answer_errors_total") == 2
    [line] = [line for line in lines if line["event"] == event.ANSWER_HAD_ERRORS]
    assert (line["errors"], line["detail"]) == (2, "success: unknown [id]")
    delivered = {"cohort": "vip", "op": "add"}
    assert registry.get_sample_value("cohortd_changes_delivered_total", delivered) == 1


def test_a_request_that_may_have_left_too_late_is_counted_and_told() -> None:
    registry = CollectorRegistry()
    update = CohortUpdate.of("vip", {"ann": True})
    answer = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "timeout", late=True)

    with capture_logs() as lines:
        _watch(registry).answered(Attempt(1, "vip", "VIP", update, None), answer, 61.5, 0.0)

    assert registry.get_sample_value("cohortd_late_requests_total") == 1
    [line] = [line for line in lines if line["event"] == event.REQUEST_LATE]
    assert (line["cohort"], line["seconds"]) == ("vip", 61.5)


@pytest.mark.parametrize(("per_hour", "declared"), [(36, True), (36_000, False)])
def test_a_budget_that_makes_everything_wait_for_long_is_a_declared_reason(
    per_hour: int, declared: bool
) -> None:
    rules = DeliveryRules(announce=False, budget=Budget(per_hour, reserve=0, burst=1))
    sending = Sending(always(ACCEPTED), rules)
    sending.submit(*(flush_of(members(1), cohort=f"c{number}") for number in range(3)))

    assert ("quota" in blocked_now(sending.delivery, 0.0)) is declared
    sending.finish()
    assert blocked_now(sending.delivery, sending.now_s) == {}


def test_each_cohort_says_what_it_was_last_answered_and_how_long_ago() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(announce=False))
    watch = _watch(CollectorRegistry())
    update = CohortUpdate.of("vip", {"ann": True})
    locked = Answer(Verdict.RETRY, Sent.ANSWERED, "locked", 423)

    watch.answered(Attempt(1, "vip", "VIP", update, None), locked, 0.1, now_s=10.0)
    [row] = watch.view(sending.delivery, 24, now_s=17.5).cohorts

    assert (row.last_answer, row.last_answer_age_s) == ("423 locked", 7.5)


def test_a_cohort_that_backs_off_is_not_said_to_be_sending() -> None:
    locked = Answer(Verdict.RETRY, Sent.ANSWERED, "locked", 423)
    sending = Sending(always(locked), DeliveryRules(announce=False))
    watch = DeliveryWatch(
        Metrics(CollectorRegistry(), CohortLabels((), 10)), lambda: {"vip": (1, 0.0)}, {}
    )
    sending.submit(flush_of(members(1), cohort="vip"))
    [on_the_wire] = watch.view(sending.delivery, 24, sending.now_s).cohorts
    sending.step()
    [backing_off] = watch.view(sending.delivery, 24, sending.now_s).cohorts

    assert on_the_wire.in_flight
    assert not backing_off.in_flight


def _flush_of_event(flush_id: int, partition: Partition, event_time_s: float) -> Flush:
    changes = members(1)
    lane = Lane(partition, flush_id, changes, top=10, opened_at_s=0.0, event_time_s=event_time_s)
    return Flush(flush_id, "vip", "VIP", (lane,), changes, 0.0, TURN)


def test_how_long_things_take_now_is_told_of_live_changes_and_of_attempts() -> None:
    sending = Sending(always(ACCEPTED), DeliveryRules(announce=False))
    backfilled = Partition("input", 1)
    watch = DeliveryWatch(
        Metrics(CollectorRegistry(), CohortLabels((), 10)), dict, {backfilled: 1_000}
    )
    live = _flush_of_event(1, Partition("input", 0), 97.0)
    old = _flush_of_event(2, backfilled, 5.0)
    update = CohortUpdate.of("vip", {"ann": True})

    watch.answered(Attempt(1, "vip", "VIP", update, None), ACCEPTED, 0.25, 10.0)
    for flush in (live, old):
        watch.ended(flush, Outcome(flush.id), 10.0, 100.0)

    now = watch.view(sending.delivery, 24, 10.0)
    later = watch.view(sending.delivery, 24, 10.0 + RECENT_S + 1.0)
    assert now.latency == Spread(1, 3.0, 3.0, 3.0)
    assert now.answer_time == Spread(1, 0.25, 0.25, 0.25)
    assert (later.latency, later.answer_time) == (None, None)


def test_the_spread_is_of_what_was_measured_lately_and_keeps_a_bounded_number() -> None:
    recent = Recent()

    for number in range(1, 101):
        recent.add(float(number), 0.0)
    spread = recent.spread(0.0)
    for _ in range(2 * KEPT_MAX):
        recent.add(-1.0, RECENT_S)  # A clock that is ahead: no time is less than none.

    assert spread == Spread(100, 50.0, 99.0, 100.0)
    assert recent.spread(RECENT_S) == Spread(KEPT_MAX, 0.0, 0.0, 0.0)
    assert recent.spread(2 * RECENT_S + 0.1) is None
