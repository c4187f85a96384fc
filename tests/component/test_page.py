"""The status page in a real Chromium: what it shows, to whom, and what it never does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from daemon.status import CohortView, DeliveryView, IntakeView, PartitionView, Spread
from tests.support.admin import Served
from tests.support.chromium import Chromium, Page, find_chromium
from tests.support.stage import Stage, add

HOSTILE = '<img src=x onerror="window.ran = 1"><script>window.ran = 1</script>'
LONG = "a-name-without-any-space-" * 10
COHORTS = (
    CohortView("vip", "VIP customers", 1_204, in_flight=True, delivered_adds=80, oldest_age_s=3.0),
    CohortView("c2", HOSTILE, 7, False, 5, 9, "423 locked", 4.0, 75.0),
    CohortView("c3", LONG, 0, False, 1, 0, "201 ok", 400.0),
)
WORKING = PartitionView("cohort.membership", 0, "assigned", 81_204, 81_200, 81_204, 0, pending=3)
PARTITIONS = (
    *(replace(WORKING, partition=number) for number in range(20)),
    PartitionView(HOSTILE, 1, "parked", 10, 10, 910, 900),
    PartitionView(LONG, 2, "replaying", 10, 10, 10, 0, barrier_to=1_500),
)
INTAKE = IntakeView(
    "assigned",
    PARTITIONS,
    pending=1_211,
    pending_limit=1_000_000,
    oldest_pending_age_s=75.0,
    consumed=90_000,
    dead_letters=9,
    dead_letters_by_reason={"unknown_op": 7, "refused": 2},
)
DELIVERY = DeliveryView(
    in_flight=2,
    slots=24,
    limited_by="none",
    quota_limit=250_000,
    quota_remaining=200_000,
    quota_used_by_others=12_000,
    quota_reset_unix_s=1_800_000_000.0,
    budget_per_s=60.4,
    last_success_unix_s=1_799_999_000.0,
    requests=38_000,
    delivered_adds=86,
    delivered_removes=9,
    latency=Spread(12, 0.81, 2.4, 3.0),
    answer_time=Spread(40, 0.04, 0.2, 0.3),
    cohorts_known=3,
    cohorts=COHORTS,
)
HELD = replace(DELIVERY, blocked={"client_secret": "HTTP 401 <b>no</b>"})

# Every text that is less readable than WCAG's AA asks: 4.5 to 1, or 3 to 1 where it is large.
TOO_FAINT = """
(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const place = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || place.closest(".unseen, [hidden], script, style, noscript")) continue;
    const style = getComputedStyle(place), size = parseFloat(style.fontSize);
    const color = place instanceof SVGElement ? style.fill : style.color;
    const [one, two] = [light(parse(color)), light(behind(place))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 600);
    if (ratio < (large ? 3 : 4.5)) found.push(`${text.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return found;
})()
"""
FOCUSED = """
(() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return { what: at.id || at.innerText || at.tagName, tag: at.tagName,
    seen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("Chromium is missing: install Debian's package chromium", pytrace=False)
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with Chromium(program, tmp_path_factory.mktemp("chromium")) as chromium:
        yield chromium


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.board.publish_intake(INTAKE, made.now_s)
    made.board.publish_delivery(DELIVERY, made.now_s)
    yield made
    assert made.server.stop()


def opened(chromium: Chromium, port: int, **looks: object) -> Page:
    page = chromium.open(f"http://127.0.0.1:{port}/", **looks)
    page.wait_for("document.querySelector('#backlog path')")
    return page


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


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("delivery", [DELIVERY, HELD], ids=["working", "held"])
def test_everything_can_be_read_in_light_and_in_dark(
    chromium: Chromium, served: Served, delivery: DeliveryView, dark: bool
) -> None:
    served.board.publish_delivery(delivery, served.now_s)
    page = opened(chromium, served.port, dark=dark)

    back = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert page.evaluate(TOO_FAINT) == []
    assert (back == "rgb(245, 246, 248)") is not dark


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_needs_scrolling_sideways(chromium: Chromium, served: Served, width: int) -> None:
    served.board.publish_delivery(HELD, served.now_s)
    page = opened(chromium, served.port, width=width, phone=width < 500)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("innerWidth") == width


def test_a_keyboard_reaches_and_works_everything(chromium: Chromium, served: Served) -> None:
    page = opened(chromium, served.port)
    reached = []
    for _ in range(30):
        page.press("Tab")
        found = page.evaluate(FOCUSED)
        if found["tag"] == "BODY":
            break
        reached.append(found)

    assert [each["what"].replace("\n", " ") for each in reached] == [
        "Skip to the state",
        "pause",
        *["Numbers of throughput", "Numbers of latency", "Numbers of the backlog"],
        "partitions-more",
        *["/status", "/metrics", "/readyz", "/livez"],
    ]
    assert all(each["seen"] for each in reached)


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


def test_a_screen_reader_is_told_places_tables_and_charts(
    chromium: Chromium, served: Served
) -> None:
    page = opened(chromium, served.port)

    tree = page.tree()
    roles = {role for role, _ in tree}
    named = {role: [name for other, name in tree if other == role] for role in roles}
    assert {"banner", "main", "contentinfo", "navigation", "region", "figure"} <= roles
    assert all(name for role in ("button", "link", "image", "region") for name in named[role])
    assert [name.split(",")[0] for name in named["image"]] == ["Throughput", "Latency", "Backlog"]
    assert "Median: now 810 ms, on average 810 ms, at most 810 ms" in named["image"][1]
    assert [name.split(":")[0] for name in named["table"]] == [
        "Partitions of this replica",
        "Cohorts",
        "Dead letters by reason, since this process started",
    ]
    assert {"State", "Lag", "Last answer", "Reason"} <= set(named["columnheader"])
    assert "VIP customers vip" in named["rowheader"]
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => h.tagName)")
    assert levels[:3] == ["H1", "H2", "H2"]
    assert page.evaluate("document.documentElement.lang") == "en"


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


@pytest.mark.parametrize(("still", "moves"), [(False, "0.4s"), (True, "0s")])
def test_nothing_moves_for_who_wants_no_motion(
    chromium: Chromium, served: Served, still: bool, moves: str
) -> None:
    page = opened(chromium, served.port, still=still)

    bar = "getComputedStyle(document.querySelector('.bar i')).transitionDuration"

    assert page.evaluate(bar) == moves


def test_without_an_answer_it_says_that_what_is_shown_is_old(chromium: Chromium) -> None:
    served = Served()
    page = opened(chromium, served.port)

    assert served.server.stop()

    page.wait_for("document.querySelector('#summary').textContent.startsWith('No answer')")
    assert page.evaluate("document.title") == "! cohortd"
    assert page.evaluate("document.body.className") == "lost"
