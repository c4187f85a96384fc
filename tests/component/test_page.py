"""The status page in a real Chromium: what it shows and does, and what it never does."""

from __future__ import annotations

import json

from msgspec.structs import replace

from tests.support.admin import Served
from tests.support.chromium import Chromium
from tests.support.pages import HELD, HOSTILE, INTAKE, opened
from tests.support.stage import Stage, add


def test_it_shows_what_a_daemon_does_and_runs_nothing_of_what_is_in_the_stream(
    chromium: Chromium, wide_stage: Stage
) -> None:
    daemon = wide_stage.start()
    daemon.wait_until_assigned(4)
    page = chromium.open(f"http://127.0.0.1:{daemon.port}/")

    for number in range(4):
        wide_stage.produce(add("vip", f"tell-tale-{number}"), partition=number)
    wide_stage.produce(add(HOSTILE, "ann", cohort_name=HOSTILE), b"no json")
    wide_stage.wait_members({HOSTILE: {"ann"}}, vip={f"tell-tale-{n}" for n in range(4)})

    page.wait_for("document.querySelector('#cohorts tbody').rows.length === 2")
    page.wait_for("document.querySelector('#letters tbody').rows.length === 1")
    page.wait_for("document.querySelector('#latency path')")
    page.wait_for("document.querySelector('#summary').textContent.startsWith('Up to date')")
    partitions = [line.split()[0] for line in page.text("#partitions tbody").splitlines()]
    assert {f"{wide_stage.topic}:{number}" for number in range(4)} <= set(partitions)
    assert "assigned" in page.text("#partitions")
    cohorts = page.text("#cohorts")
    assert "vip" in cohorts
    assert HOSTILE in cohorts
    assert "201 ok" in cohorts
    assert "invalid_json" in page.text("#letters")
    assert "left of 250,000" in page.text("#quota")
    assert page.evaluate("document.querySelectorAll('img, #cohorts script').length") == 0
    assert page.evaluate("window.ran") is None
    assert "tell-tale" not in str(page.evaluate("document.documentElement.outerHTML"))
    assert page.complaints() == []


def test_its_policy_lets_no_text_become_markup_or_run(chromium: Chromium, served: Served) -> None:
    page = opened(chromium, served.port)

    refused = page.evaluate(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done' }"
        " catch (error) { return error.name } })()"
    )
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), { src: 'x', alt: '' }))"
    )

    assert refused == "TypeError"
    assert [each["entry"]["text"][:60] for each in page.complaints() if "entry" in each]


def test_a_key_opens_the_numbers_of_a_chart_and_all_partitions(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)

    page.evaluate("document.querySelector('#latency summary').focus()")
    page.press("Enter")
    page.wait_for("document.querySelector('#latency tbody').rows.length")
    page.evaluate("document.querySelector('#partitions-more').focus()")
    page.press("Enter")
    page.wait_for("document.querySelector('#partitions tbody').rows.length === 22")

    assert "810 ms" in page.text("#latency tbody")
    assert page.text("#partitions-more") == "Show fewer"
    assert page.text("#partitions tbody th").startswith("<img")  # What is parked stands first.


def test_under_the_pointer_a_chart_says_its_numbers(chromium: Chromium, served: Served) -> None:
    page = opened(chromium, served.port)

    page.point_at("#latency svg", 0.9)
    page.wait_for("!document.querySelector('#latency .tip').hidden")
    told = page.text("#latency .tip").splitlines()
    page.point_at("h1", 0.5)
    page.wait_for("document.querySelector('#latency .tip').hidden")

    assert told[1:] == ["Median 810 ms", "99th percentile 2.4 s"]


def test_what_goes_on_a_second_is_what_counters_grew_by_until_a_restart(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)
    answers = [(10, 100, 40), (12, 300, 60), (14, 300, 60), (1, 5, 0), (3, 25, 4)]

    told = page.evaluate(
        "clearTimeout(timer), before = [],"
        f" {json.dumps(answers)}.map(([uptime_s, records_read, delivered_adds]) => rates("
        "{ uptime_s, counters: { records_read, delivered_adds, delivered_removes: 0 } }))"
    )

    assert told == [
        {},
        {"read": 100, "delivered": 10},
        {"read": 50, "delivered": 5},
        {},
        {"read": 10, "delivered": 2},
    ]


def test_it_counts_the_changes_that_wait_and_says_how_full_that_makes_the_memory(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)

    assert "1,211 changes, memory 12 %" in page.text("#tiles")


def test_paused_it_stands_still_and_goes_on_when_told_to(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)

    page.evaluate("document.querySelector('#pause').focus()")
    page.press(" ")
    pressed = page.evaluate("document.querySelector('#pause').ariaPressed")
    served.board.publish_intake(replace(INTAKE, pending=0), served.now_s)
    page.press(" ")

    page.wait_for("document.querySelector('#summary').textContent.startsWith('Up to date')")
    assert pressed == "true"


def test_the_sentence_is_announced_when_it_changes_in_kind(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)
    first = page.text("#said")

    served.board.publish_intake(replace(INTAKE, pending=900), served.now_s)
    page.wait_for("document.querySelector('#summary').textContent.includes('900')")
    only_numbers = page.text("#said")
    served.board.publish_delivery(HELD, served.now_s)
    page.wait_for("document.querySelector('#said').textContent.startsWith('Waiting for a person')")

    assert page.evaluate("document.querySelector('#said').ariaLive") == "polite"
    assert first.startswith("Delivering: 1,211 changes")
    assert only_numbers == first
    waits = page.text("#waits")
    assert "Your turn" in waits
    assert "Make a data import key on this partner's page" in waits
    assert "HTTP 401 <b>no</b>" in waits


def test_without_an_answer_it_says_that_what_is_shown_is_old(chromium: Chromium) -> None:
    served = Served()
    page = opened(chromium, served.port)

    assert served.server.stop()

    page.wait_for("document.querySelector('#summary').textContent.startsWith('No answer')")
    assert page.evaluate("document.title") == "! cohortd"
    assert page.evaluate("document.body.className") == "lost"
