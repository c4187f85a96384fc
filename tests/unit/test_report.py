from __future__ import annotations

import orjson
import pytest
from msgspec.structs import replace

from daemon.reasons import BLOCKED, LIMITS
from daemon.report import (
    checks_body,
    duration,
    limiting_factor,
    live_checks,
    ready_checks,
    status_body,
    summary,
)
from daemon.status import (
    Backlog,
    Board,
    CohortView,
    DaemonView,
    DeliveryView,
    IntakeView,
    Membership,
    PartitionView,
    Spread,
)

NOW = 1_000.0
UNIX = 1_800_000_000.0
WORKING = IntakeView(
    "assigned", (PartitionView("t", 0, "assigned", 10, 9, 10, 0),), pending_limit=9
)


def board(intake: IntakeView = WORKING, delivery: DeliveryView | None = None) -> Board:
    made = Board(DaemonView("0.1.0", "acme", "3f9c", "g", UNIX - 60), NOW)
    made.publish_intake(intake, NOW)
    made.publish_delivery(delivery or DeliveryView(slots=24), NOW)
    return made


def failed(of: Board) -> list[str]:
    return [check.name for check in ready_checks(of) if not check.ok]


@pytest.mark.parametrize(("late_s", "status"), [(0.0, 200), (15.0, 200), (15.1, 503)])
def test_alive_while_both_loops_make_turns(late_s: float, status: int) -> None:
    made = board()
    made.intake_tick_s = NOW
    made.delivery_tick_s = NOW - late_s

    answered, body = checks_body(live_checks(made, NOW))

    assert answered == status
    assert body["ok"] is (status == 200)
    assert set(body["checks"]) == {"intake_loop", "delivery_loop"}  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", list(BLOCKED))
def test_no_reason_for_waiting_makes_the_daemon_dead(reason: str) -> None:
    made = board(replace(WORKING, holds={reason: "x"}), DeliveryView(blocked={reason: "x"}))

    assert all(check.ok for check in live_checks(made, NOW))


@pytest.mark.parametrize("membership", ["assigned", "standing_by"])
def test_ready_when_assigned_or_standing_by(membership: Membership) -> None:
    made = board(replace(WORKING, membership=membership))

    assert failed(made) == []


def test_not_ready_before_it_joined() -> None:
    assert failed(board(IntakeView())) == ["group"]


@pytest.mark.parametrize("reason", list(BLOCKED))
def test_ready_unless_braze_refuses_credentials_or_the_group_is_anothers(reason: str) -> None:
    refused = {"partner_key", "client_secret", "partner_not_enabled", "forbidden", "not_found"}
    expected = ["braze"] if reason in refused | {"tls", "refused_all"} else []
    expected = ["group"] if reason == "foreign_group" else expected

    made = board(delivery=DeliveryView(blocked={reason: "detail"}))

    assert failed(made) == expected


def test_not_ready_from_the_first_signal_on() -> None:
    made = board()
    made.stopping = True

    assert failed(made) == ["running"]
    assert summary(made, NOW).startswith("Stopping")


@pytest.mark.parametrize(
    ("holds", "delivery", "saturated", "factor"),
    [
        ({}, DeliveryView(), False, "none"),
        ({}, DeliveryView(limited_by="slots"), True, "slots"),
        ({}, DeliveryView(limited_by="quota", blocked={"quota": ""}), False, "quota"),
        ({}, DeliveryView(limited_by="braze", blocked={"braze": ""}), True, "braze"),
        ({}, DeliveryView(), True, "memory"),
        ({}, DeliveryView(limited_by="slots", blocked={"locked": ""}), False, "slots"),
        ({"lease": ""}, DeliveryView(limited_by="slots"), True, "hold"),
        ({}, DeliveryView(blocked={"client_secret": ""}), False, "hold"),
        ({"parked": ""}, DeliveryView(), False, "none"),
    ],
)
def test_the_limiting_factor_is_the_cause(
    holds: dict[str, str], delivery: DeliveryView, saturated: bool, factor: str
) -> None:
    intake = replace(WORKING, holds=holds, saturated=saturated)

    assert limiting_factor(intake, delivery) == factor


def test_the_summary_names_the_gravest_thing() -> None:
    refused = DeliveryView(blocked={"client_secret": "401"})
    behind = replace(WORKING, partitions=(PartitionView("t", 0, "assigned", lag=5_000),))
    catching_up = board(behind)
    catching_up.seconds_left = 600.0
    stuck = board()
    stuck.intake_tick_s = NOW - 60

    assert summary(board(), NOW).startswith("Up to date")
    assert summary(board(replace(WORKING, pending=1)), NOW).startswith("Delivering: 1 change on")
    assert summary(board(delivery=refused), NOW).startswith("Waiting for a person: Braze refuses")
    assert summary(board(replace(behind, holds={"lease": ""})), NOW).startswith(
        "Waiting: No commit"
    )
    assert summary(catching_up, NOW) == (
        "Catching up: 5,000 records left, about 10 min at the present rate."
    )
    assert summary(stuck, NOW).startswith("A loop stands still")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("reason", [*BLOCKED, None])
def test_there_is_a_summary_whatever_holds_whichever_side(reason: str | None, limit: str) -> None:
    held = {reason: "x"} if reason else {}

    sides = (
        board(WORKING, DeliveryView(blocked=held, limited_by=limit)),
        board(replace(WORKING, holds=held), DeliveryView(limited_by=limit)),
    )

    assert all(summary(side, NOW).endswith(".") for side in sides)


def test_status_says_who_it_is_what_it_has_and_why_it_waits() -> None:
    cohort = CohortView("<b>", "two\nlines\x1b[0m", 4, last_answer="423 locked")
    intake = replace(WORKING, pending=7, pending_weight=13, holds={"kafka": "broker\nb1 down"})
    made = board(intake, DeliveryView(3, 24, blocked={"locked": ""}, cohorts=(cohort,)))

    body = orjson.loads(orjson.dumps(status_body(made, NOW, UNIX)))

    assert (body["version"], body["config_hash"], body["workspace"]) == ("0.1.0", "3f9c", "acme")
    assert (body["pending"], body["in_flight"], body["limited_by"]) == (7, 3, "hold")
    assert (body["pending_weight"], body["pending_limit"]) == (13, 9)
    assert body["uptime_s"] == 60
    assert body["partitions"][0]["topic"] == "t"
    assert [wait["reason"] for wait in body["waits"]] == ["kafka", "locked"]
    assert body["waits"][0]["detail"] == "broker\\nb1 down"
    assert body["cohorts"][0]["name"] == "two\\nlines\\x1b[0m"
    assert (body["records_left"], body["seconds_left"]) == (0, None)


def test_while_behind_status_says_how_much_is_left_and_how_long() -> None:
    made = board(replace(WORKING, partitions=(PartitionView("t", 0, "assigned", lag=90_000),)))
    made.publish_intake(
        replace(WORKING, partitions=(PartitionView("t", 0, "assigned", lag=60_000),)), NOW + 10
    )

    body = status_body(made, NOW + 10, UNIX)

    assert (body["records_left"], body["seconds_left"]) == (60_000, 20.0)


@pytest.mark.parametrize("reset", [1_700_000_000_000_000.0, -1e18, float("inf"), float("nan")])
def test_a_reset_at_no_time_there_is_is_none(reset: float) -> None:
    delivery = DeliveryView(slots=24, quota_reset_unix_s=reset)

    quota = status_body(board(delivery=delivery), NOW, UNIX)["quota"]
    assert isinstance(quota, dict)
    assert quota["reset_at"] is None


def test_no_estimate_without_a_basis_or_without_progress() -> None:
    backlog = Backlog()

    backlog.observe(100_000, 0.0)
    first = backlog.seconds_left
    backlog.observe(90_000, 1.0)
    early = backlog.seconds_left
    backlog.observe(120_000, 10.0)
    growing = backlog.seconds_left

    assert (first, early, growing) == (None, None, None)


def test_the_estimate_forgets_what_was_a_minute_ago() -> None:
    backlog = Backlog()
    for second in range(200):
        backlog.observe(1_000_000 if second < 100 else 1_000_000 - 1_000 * (second - 99), second)

    assert backlog.seconds_left == pytest.approx(900, rel=0.02)
    assert len(backlog._samples) <= 62


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (90, "90 s"), (600, "10 min"), (9_000, "2.5 h")]
)
def test_durations_are_said_as_a_person_would(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_status_tells_dead_letters_by_reason_the_most_frequent_first() -> None:
    by_reason = {"too_large": 2, "unknown_op": 7, "invalid_json": 2}
    made = board(replace(WORKING, dead_letters=11, dead_letters_by_reason=by_reason))

    told = orjson.loads(orjson.dumps(status_body(made, NOW, UNIX)))["dead_letters"]

    assert [(row["reason"], row["count"]) for row in told] == [
        ("unknown_op", 7),
        ("invalid_json", 2),
        ("too_large", 2),
    ]
    assert told[0]["why"] == "An operation that is in no list."


def test_status_tells_how_long_things_take_and_who_used_the_quota() -> None:
    delivery = DeliveryView(
        latency=Spread(3, 0.51234, 1.2, 1.9), quota_limit=100, quota_used_by_others=30
    )

    body = orjson.loads(orjson.dumps(status_body(board(delivery=delivery), NOW, UNIX)))

    assert body["latency"] == {"count": 3, "p50_s": 0.512, "p99_s": 1.2, "max_s": 1.9}
    assert body["answer_time"] is None
    assert body["quota"]["used_by_others"] == 30
