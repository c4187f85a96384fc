"""The Grafana dashboard is what its generator makes, and asks only for what the daemon has."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from daemon.metrics import CATALOGUE

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
BOARD: dict[str, Any] = json.loads((GRAFANA / "cohortd.json").read_text())
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def _panels() -> Iterator[dict[str, Any]]:
    for panel in BOARD["panels"]:
        yield from panel.get("panels") or []
        if panel["type"] != "row":
            yield panel


EXPRESSIONS = sorted({target["expr"] for panel in _panels() for target in panel["targets"]})


def test_it_is_what_the_generator_makes() -> None:
    made = runpy.run_path(str(GRAFANA / "dashboard.py"))["build"]()

    assert json.loads(made) == BOARD, "run make dashboard"


def test_the_first_row_answers_whether_members_are_on_time() -> None:
    first = BOARD["panels"][0]

    assert (first["type"], first["title"]) == ("row", "Are members in Braze on time?")
    assert [panel["title"] for panel in _panels()][:4] == [
        "Overdue",
        "Within a minute",
        "Waiting for",
        "Limited by",
    ]


def test_every_panel_asks_the_chosen_datasource_and_says_what_it_shows() -> None:
    named = {variable["name"] for variable in BOARD["templating"]["list"]}

    assert named == {"datasource", "namespace", "job"}
    for panel in _panels():
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["description"]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_promql_and_names_only_what_there_is(expression: str) -> None:
    filled = expression.replace("$__rate_interval", "5m").replace("$", "")

    promql_parser.parse(filled)

    for name, matchers in re.findall(r"\b((?:cohortd|process)_\w+)\{([^}]*)\}", expression):
        labels = {"namespace", "job"}
        if name not in PROCESS:
            known = CATALOGUE[re.sub(r"_(bucket|count|sum)$", "", name.removeprefix("cohortd_"))]
            labels |= {*known.labels, "le"}
        assert set(re.findall(r"(\w+)=", matchers)) <= labels


def test_every_number_a_person_is_told_of_is_on_it() -> None:
    """Offsets, timestamps and what only tells versions apart are for queries."""
    shown = {
        re.sub(r"_(bucket|count|sum)$", "", name)
        for expression in EXPRESSIONS
        for name in re.findall(r"cohortd_(\w+)\{", expression)
    }
    elsewhere = {
        "answer_errors_total", "braze_answer_errors_total", "late_requests_total", "renames_total",
        "lane_disagreements_total", "backoff_seconds", "last_success_timestamp_seconds",
        "removals_delayed", "ready", "committed_offset", "log_start_offset", "build_info",
        "partitions_added_total", "barrier_opened_total", "last_poll_timestamp_seconds",
        "secrets_reloaded_total", "log_lines_dropped_total",
    }  # fmt: skip

    assert set(CATALOGUE) - shown <= elsewhere
