from __future__ import annotations

import threading

import pytest

from daemon.formats.changes import Ignored
from daemon.kafka.records import Reason
from daemon.metrics import CohortLabels
from daemon.metrics.labels import IGNORE_RULES, OTHER, REJECT_REASONS, status_label
from daemon.reasons import BLOCKED, DEAD_LETTERS, blocked_reason

BLOCKED_REASONS = (
    "partner_key client_secret partner_not_enabled forbidden not_found tls refused_all registry"
    " dead_letter foreign_group parked kafka braze locked lease barrier wait settle quota saturated"
)


def test_named_cohorts_have_their_label_however_late_they_come() -> None:
    labels = CohortLabels(["late"], 1)

    assert [labels["a"], labels["b"], labels["late"], labels["a"]] == ["a", OTHER, "late", "a"]


def test_the_bound_on_cohorts_holds_between_threads() -> None:
    labels = CohortLabels([], 50)
    start = threading.Barrier(4)

    def ask(who: int) -> None:
        start.wait(5)
        for number in range(500):
            labels[f"{who}-{number}"]

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(labels) == 50


@pytest.mark.parametrize(
    ("status", "label"),
    [
        (201, "201"),
        (429, "429"),
        (418, "4xx"),
        (599, "5xx"),
        (999, "other"),
        (-1, "other"),
        ("timeout", "timeout"),
        ("<script>", "other"),
    ],
)
def test_the_status_of_a_request_is_from_a_closed_set(status: int | str, label: str) -> None:
    assert status_label(status) == label


def test_blocked_reasons_are_the_contracts() -> None:
    assert " ".join(BLOCKED) == BLOCKED_REASONS
    assert blocked_reason("tls") == "tls"
    assert blocked_reason("redirect") == "not_found"  # The address is wrong.
    assert blocked_reason("unheard_of") == "braze"


def test_reject_reasons_are_those_of_the_records() -> None:
    assert tuple(Reason) == REJECT_REASONS == tuple(DEAD_LETTERS)


def test_the_rules_that_leave_records_out_are_those_of_the_formats() -> None:
    assert tuple(Ignored) == IGNORE_RULES
