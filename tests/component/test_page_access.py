"""The status page in a real Chromium: who can read and reach it, and on what."""

from __future__ import annotations

import pytest

from daemon.status import DeliveryView
from tests.support.admin import Served
from tests.support.chromium import Chromium
from tests.support.pages import DELIVERY, HELD, opened

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


def test_the_search_for_what_is_too_faint_finds_it(chromium: Chromium, served: Served) -> None:
    page = opened(chromium, served.port)

    page.evaluate("document.querySelector('#seen').style.color = '#a0a0a0'")

    assert [line.split(": ")[1] for line in page.evaluate(TOO_FAINT)] == ["2.42"]


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


@pytest.mark.parametrize(("still", "moves"), [(False, "0.4s"), (True, "0s")])
def test_nothing_moves_for_who_wants_no_motion(
    chromium: Chromium, served: Served, still: bool, moves: str
) -> None:
    page = opened(chromium, served.port, still=still)

    bar = "getComputedStyle(document.querySelector('.bar i')).transitionDuration"

    assert page.evaluate(bar) == moves
