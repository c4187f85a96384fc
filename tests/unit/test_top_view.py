"""The picture of `cohortd top`, from a status."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from daemon.tools.top.command import Pace
from daemon.tools.top.view import Rates, draw, sparkline


def status(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    counters = dict.fromkeys(
        [
            "records_read",
            "records_rejected",
            "dead_letters",
            "requests",
            "retries",
            "delivered_adds",
            "delivered_removes",
        ],
        0,
    )
    return {
        "version": "1.2.3",
        "workspace": "acme-prod",
        "config_hash": "abc",
        "group_id": "g",
        "uptime_s": 7200.0,
        "live": True,
        "ready": True,
        "summary": "Up to date: everything read has been accepted by Braze.",
        "limited_by": "none",
        "waits": [],
        "pending": 5,
        "pending_weight": 250_011,
        "pending_limit": 1_000_000,
        "oldest_pending_age_s": 3.0,
        "in_flight": 1,
        "slots": 24,
        "records_left": 0,
        "quota": {"limit": 250_000, "remaining": 200_000, "reset_at": None, "budget_per_s": 60},
        "counters": counters,
        "partitions": [],
        "cohorts": [],
        "cohorts_known": 0,
        "cohorts_in_backoff": 0,
        **changes,
    }


def partition(number: int, state: str = "assigned", lag: int = 0) -> dict[str, Any]:
    return {
        "topic": "t",
        "partition": number,
        "state": state,
        "position": 10,
        "committed": None,
        "end_offset": 10,
        "lag": lag,
        "barrier_to": None,
        "waiting_s": None,
        "pending": 0,
    }


def text_of(found: dict[str, Any], rates: Rates | None = None, height: int = 40) -> str:
    console = Console(width=100, height=height, record=True, file=None, color_system=None)
    with console.capture() as said:
        console.print(draw(found, rates or Rates(), 100, height))
    return said.get()


def test_it_says_who_this_is_and_how_it_goes_first() -> None:
    title, sentence, numbers, *_ = text_of(status(), Rates(10.0, (5.0, 20.0), 2.5)).splitlines()

    assert " ".join(title.split()) == "cohortd 1.2.3 acme-prod up 2.0 h configuration abc ready"
    assert sentence.strip() == "Up to date: everything read has been accepted by Braze."
    assert numbers.split("   ")[:3] == ["read 10/s", "delivered 20/s", "requests 2.5/s"]


def test_it_says_how_long_changes_take_now_and_nothing_where_none_came() -> None:
    spread = {"count": 9, "p50_s": 0.81, "p99_s": 2.44, "max_s": 3.0}

    assert "latency 0.8 s, p99 2.4 s" in text_of(status(latency=spread))
    assert "latency -" in text_of(status(latency=None))


def test_changes_are_counted_and_what_they_weigh_is_a_part_of_the_memory() -> None:
    older = status()
    del older["pending_weight"]

    assert "pending 5 (25% of memory)" in text_of(status())
    assert "pending 5 (0% of memory)" in text_of(older)


def test_what_it_waits_for_stands_with_its_remedy() -> None:
    wait = {
        "reason": "partner_key",
        "why": "Braze refuses the partner API key.",
        "remedy": "Put in the key.",
        "act": True,
        "detail": "HTTP 401",
    }

    said = text_of(status(waits=[wait], ready=False))

    assert "partner_key  Braze refuses the partner API key. (HTTP 401) Put in the key." in said
    assert "not ready" in said


def test_partitions_that_stand_still_come_first_and_all_are_counted() -> None:
    rows = [partition(number, lag=number) for number in range(40)]
    rows.append(partition(99, state="parked"))

    said = text_of(status(partitions=rows), height=30)

    names = [line.split()[0] for line in said.splitlines() if line.strip().startswith("t:")]
    assert names[:3] == ["t:99", "t:39", "t:38"]
    assert f"and {41 - len(names)} more" in said


def test_names_are_shown_as_they_are() -> None:
    row = {
        "id": "[bold]vip[/bold]",
        "name": "VIPs",
        "pending": 3,
        "in_flight": False,
        "delivered_adds": 1_234,
        "delivered_removes": 5,
        "last_answer": "201",
        "oldest_age_s": 61.0,
    }

    said = text_of(status(cohorts=[row], cohorts_known=1))

    [line] = [line for line in said.splitlines() if "vip" in line]
    assert line.split() == ["[bold]vip[/bold]", "(VIPs)", "3", "61", "s", "1,234", "5", "201"]


@pytest.mark.parametrize(
    ("values", "width", "bars"),
    [((), 5, ""), ((0.0, 0.0), 5, "▁▁"), ((0.0, 7.0, 3.5), 5, "▁█▅"), ((9.0, 1.0, 1.0), 2, "██")],
)
def test_a_chart_has_the_newest_values_the_largest_highest(
    values: tuple[float, ...], width: int, bars: str
) -> None:
    assert sparkline(values, width) == bars


def test_rates_are_what_counters_grew_by_and_a_restart_begins_anew() -> None:
    def at(uptime_s: float, read: int, adds: int) -> dict[str, Any]:
        found = status(uptime_s=uptime_s)
        found["counters"] |= {"records_read": read, "delivered_adds": adds}
        return found

    pace = Pace()

    assert pace.take(at(10.0, 100, 50)) == Rates()
    assert pace.take(at(12.0, 300, 60)) == Rates(100.0, (5.0,), 0.0)
    assert pace.take(at(1.0, 7, 7)) == Rates(0.0, (5.0,), 0.0)
    assert pace.take(at(2.0, 17, 8)) == Rates(10.0, (5.0, 1.0), 0.0)
