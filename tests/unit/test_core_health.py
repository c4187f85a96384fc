from __future__ import annotations

import math

import pytest

from daemon.core.health import Health
from daemon.core.verdict import Answer
from tests.support.builders import (
    ACCEPTED,
    LOCKED,
    NOT_FOUND,
    REFUSED,
    SECRET,
    SERVER_ERROR,
    rate_limited,
)


def _heard(*answers: tuple[float, Answer], health: Health | None = None) -> Health:
    health = health or Health()
    for now_s, answer in answers:
        health.heard(answer, now_s, update=True, cohort_only=False)
    return health


def _start_at_s(health: Health, now_s: float, *, on_wire: int = 0, fresh: bool = False) -> float:
    return health.start_at_s(now_s, on_wire=on_wire, fresh=fresh)


def test_when_all_is_well_an_attempt_starts_at_once() -> None:
    health = Health()
    health.started(0.0)

    assert health.well(0.0)
    assert _start_at_s(health, 0.0, on_wire=9) == 0.0


def test_16_failures_over_10_seconds_without_a_success_are_an_outage() -> None:
    health = _heard(*((n * 0.1, SERVER_ERROR) for n in range(16)))

    assert not health.out(9.9)
    assert health.out(10.0)


def test_fewer_failures_are_none() -> None:
    assert not _heard(*((n, SERVER_ERROR) for n in range(15))).out(1_000.0)


def test_a_success_ends_an_outage() -> None:
    health = _heard(*((n, SERVER_ERROR) for n in range(99)))

    _heard((99.0, ACCEPTED), health=health)

    assert health.well(99.0)


@pytest.mark.parametrize("answer", [LOCKED, rate_limited()])
def test_an_answer_of_a_living_braze_is_no_failure(answer: Answer) -> None:
    assert not _heard(*((float(n), answer) for n in range(99))).out(99.0)


def test_in_an_outage_one_attempt_starts_every_5_seconds() -> None:
    health = _heard(*((n, SERVER_ERROR) for n in range(16)))
    health.started(15.0)

    assert _start_at_s(health, 16.0) == 20.0
    assert _start_at_s(health, 30.0) == 30.0
    assert _start_at_s(health, 30.0, on_wire=1) == math.inf


def test_a_hold_is_tried_every_15_seconds_and_at_once_when_told() -> None:
    health = _heard((1.0, SECRET))
    health.started(1.0)
    slow = _start_at_s(health, 2.0, fresh=True)

    health.probe_now()

    assert slow == 16.0
    assert _start_at_s(health, 2.0) == 2.0


def test_a_hold_keeps_its_beginning_and_the_newest_reason() -> None:
    hold = _heard((1.0, NOT_FOUND), (5.0, SECRET)).hold

    assert hold is not None
    assert (hold.reason, hold.since_s) == ("client_secret", 1.0)


@pytest.mark.parametrize("answer", [ACCEPTED, REFUSED])
def test_an_answer_about_content_ends_a_hold(answer: Answer) -> None:
    assert _heard((1.0, SECRET), (2.0, answer)).hold is None


@pytest.mark.parametrize("answer", [SERVER_ERROR, LOCKED, rate_limited()])
def test_an_answer_that_says_nothing_of_credentials_ends_no_hold(answer: Answer) -> None:
    assert _heard((1.0, SECRET), (2.0, answer)).hold is not None


def test_what_concerns_one_cohort_holds_nobody_else() -> None:
    health = Health()

    health.heard(NOT_FOUND, 1.0, update=True, cohort_only=True)

    assert health.well(1.0)


def test_while_one_cohort_may_be_at_fault_one_that_was_never_tried_goes_after_a_second() -> None:
    health = _heard((1.0, NOT_FOUND))
    health.started(1.0)

    assert health.doubtful
    assert _start_at_s(health, 1.5, fresh=True) == 2.0
    assert _start_at_s(health, 1.5) == 16.0


def test_refusing_all_is_doubtful_and_not_well() -> None:
    health = Health()
    health.refusing = True

    assert health.doubtful
    assert not health.well(0.0)


@pytest.mark.parametrize(
    ("refused_at_s", "evident"), [(39.0, False), (40.0, True), (160.0, True), (161.0, False)]
)
def test_an_accepted_update_is_evidence_for_a_minute_before_and_after(
    refused_at_s: float, evident: bool
) -> None:
    health = _heard((100.0, ACCEPTED))

    assert health.evidence(refused_at_s) is evident


def test_an_accepted_announcement_is_no_evidence() -> None:
    health = Health()

    health.heard(ACCEPTED, 100.0, update=False, cohort_only=False)

    assert not health.evidence(100.0)
