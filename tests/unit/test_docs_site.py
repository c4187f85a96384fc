"""The documentation's site has every page, and its references are what the code says."""

from __future__ import annotations

import pytest

from daemon.config.document import Document
from daemon.config.environment import overlay
from daemon.config.settings import Settings
from daemon.logs import event
from scripts.references.calls import Call, calls_in
from scripts.references.configuration import keys_of
from scripts.references.log_events import meanings
from scripts.references.pages import FOLDER, pages

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
