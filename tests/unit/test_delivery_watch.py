from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from daemon.braze.watch import DeliveryWatch, blocked_now
from daemon.core.delivery import Attempt, DeliveryRules
from daemon.core.model import CohortUpdate
from daemon.core.pacer import Budget
from daemon.core.verdict import Answer, Quota, Sent, Verdict
from daemon.logs import event
from daemon.metrics import CohortLabels, Metrics
from tests.support.builders import ACCEPTED, flush_of, members
from tests.support.sending import Sending, always


def _watch(registry: CollectorRegistry) -> DeliveryWatch:
    return DeliveryWatch(Metrics(registry, CohortLabels((), 10)), dict, {})


def _answered(watch: DeliveryWatch, remaining: int, reset_at_s: float) -> None:
    update = CohortUpdate("vip", {"ann": True, "bob": False})
    answer = Answer(
        Verdict.ACCEPTED, Sent.ANSWERED, "ok", 201, quota=Quota(1_000, remaining, reset_at_s)
    )
    watch.answered(Attempt(1, "vip", "VIP", update, None), answer, 0.1)


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


def test_errors_of_an_accepted_update_are_counted_and_sampled() -> None:
    registry = CollectorRegistry()
    update = CohortUpdate("vip", {"ann": True, "bob": False})
    answer = Answer(Verdict.ACCEPTED, Sent.ANSWERED, "ok", 200, "success: unknown [id]", errors=2)

    with capture_logs() as lines:
        _watch(registry).answered(Attempt(1, "vip", "VIP", update, None), answer, 0.1)

    assert registry.get_sample_value("cohortd_braze_answer_errors_total") == 2
    [line] = [line for line in lines if line["event"] == event.ANSWER_HAD_ERRORS]
    assert (line["errors"], line["detail"]) == (2, "success: unknown [id]")
    delivered = {"cohort": "vip", "op": "add"}
    assert registry.get_sample_value("cohortd_changes_delivered_total", delivered) == 1


def test_a_request_that_may_have_left_too_late_is_counted_and_told() -> None:
    registry = CollectorRegistry()
    update = CohortUpdate("vip", {"ann": True})
    answer = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "timeout", late=True)

    with capture_logs() as lines:
        _watch(registry).answered(Attempt(1, "vip", "VIP", update, None), answer, 61.5)

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
