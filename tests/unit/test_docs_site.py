"""The documentation's site has every page, and its references are what the code says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from daemon.config.document import Document
from daemon.config.environment import overlay
from daemon.config.settings import Settings
from daemon.core.pacer import Budget, Pacer
from daemon.logs import event
from scripts.references.calls import Call, calls_in
from scripts.references.configuration import keys_of
from scripts.references.log_events import meanings
from scripts.references.pages import FOLDER, pages
from scripts.site_links import with_sources

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


# --- pages ---------------------------------------------------------------------------------------


def _pages_in(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for part in nav.values():
            yield from _pages_in(part)
    elif isinstance(nav, list):
        for part in nav:
            yield from _pages_in(part)


def test_every_page_stands_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]

    shown = sorted(_pages_in(nav))

    assert shown == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_a_link_out_of_the_site_leads_to_the_sources() -> None:
    page = "[a](../Makefile) [b](../tests/unit#here) [c](metrics.md) [d](../nowhere)"

    led = with_sources(page, DOCS, "https://example.org/x")

    assert led == (
        "[a](https://example.org/x/blob/main/Makefile)"
        " [b](https://example.org/x/tree/main/tests/unit#here) [c](metrics.md) [d](../nowhere)"
    )


# --- arithmetic ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reserve", [0.1, 0.5])
def test_the_budget_we_calculate_with_is_the_pacers(reserve: float) -> None:
    pacer = Pacer(Budget(reserve=reserve), now_s=0.0)

    hour, second = f"{pacer.rate_s * 3600:,.0f}", f"{pacer.rate_s:.1f}"

    row = next(
        line
        for line in (DOCS / "sizing.md").read_text().splitlines()
        if line.startswith("|") and hour in line
    )
    assert second in row


# --- references ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_reference_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], "run `make references`"


def test_every_variable_we_name_sets_something() -> None:
    named = {key.variable: "1" for key in keys_of(Settings) if key.variable.startswith("COHORTD_")}
    written: Document = {
        "cohorts": {"overrides": {"name": {}}}
    }  # A name of choice must be in a file.

    _, origins, unknown = overlay(written, named, Settings)

    assert unknown == []
    assert sorted(origins.values()) == sorted(named)
    assert len(named) > 60


def test_every_event_has_its_meaning() -> None:
    told = {name for names in meanings().values() for name in names}

    assert told == event.all_events()


def test_an_event_is_found_however_it_is_logged() -> None:
    source = """
class Watch:
    def __init__(self):
        self._folded = FoldedLog(log)

    def speak(self, bad):
        told = {"session_s": 1}
        self._log.info(event.DAEMON_STARTED, version=1, **told)
        name = event.COMMIT_REFUSED if bad else event.COMMIT_FAILED
        self._folded.error(name, "key", detail="x")
        level, name = self._log.warning, event.UPDATE_RETRIED
        level(name, cohort="c")
        self._folded.forget(event.UPDATE_RETRIED)
"""

    found = set(calls_in(source, "watch.py"))

    assert found >= {
        Call("daemon_started", "info", ("version", "session_s"), "watch.py"),
        Call("commit_refused", "error", ("detail", "count?"), "watch.py"),
        Call("commit_failed", "error", ("detail", "count?"), "watch.py"),
        Call("update_retried", "warning", ("cohort",), "watch.py"),
    }
