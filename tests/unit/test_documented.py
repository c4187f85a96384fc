"""What people are told is what there is: settings, metrics, examples and links."""

from __future__ import annotations

import itertools
import random
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.config.inputs import InputSettings
from daemon.config.keys import shape_of
from daemon.config.mapping import Value
from daemon.config.settings import Settings, effective, load
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Reason
from daemon.metrics import CATALOGUE
from daemon.report import status_body
from daemon.status import (
    Board,
    CohortView,
    DaemonView,
    DeliveryView,
    IntakeView,
    PartitionView,
    Spread,
)
from tests.support.corpus import run_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "deploy" / "examples"


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- settings ------------------------------------------------------------------------------------


_VALUE = shape_of(Value)


def _keys(annotation: object, above: str) -> Iterator[str]:
    """Yield the path of every setting; the keys of a value stand below `…`, once."""
    shape = shape_of(annotation)
    if shape.keys == _VALUE.keys:
        above = "…"
    for key, inner in shape.keys.items():
        path = f"{above}.{key}".removeprefix(".")
        yield path
        yield from _keys(inner, path)
    if shape.item is not None:
        yield from _keys(shape.item, f"{above}[]")
    if shape.free is not None:
        yield from _keys(shape.free, f"{above}.*")


SETTINGS = sorted(set(_keys(Settings, "")))


def _documented_settings() -> dict[str, str]:
    """Return the default as documented, by the setting's path."""
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+?) \| .+ \|$", _read("docs/configuration.md"), re.MULTILINE
    )
    assert len(rows) == len(dict(rows)), "a setting stands twice in docs/configuration.md"
    return dict(rows)


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert len(SETTINGS) > 50

    sections = {
        key for key in SETTINGS if any(re.match(rf"{re.escape(key)}(\.|\[)", k) for k in SETTINGS)
    }
    documented = set(_documented_settings())

    assert set(SETTINGS) - sections - documented == set(), "not in docs/configuration.md"
    assert documented - set(SETTINGS) == set(), "documented, but not there"


_KEYS_BY_ENVIRONMENT = {
    "COHORTD_BRAZE__PARTNER_API_KEY": "example-partner-key",
    "COHORTD_BRAZE__DATA_IMPORT_KEY": "example-import-key",
}
_SMALLEST = """
kafka: {bootstrap_servers: "localhost:9092", group_id: g}
inputs: [{topic: cohort.membership}]
start: earliest
braze: {endpoint: "http://localhost:8090", partner: acme}
"""


def test_the_documented_defaults_are_the_real_ones(tmp_path: Path) -> None:
    file = tmp_path / "smallest.yaml"
    file.write_text(_SMALLEST)
    given = {"braze.endpoint", "inputs[].topic"}
    in_force = effective(load([file], _KEYS_BY_ENVIRONMENT))

    compared = 0
    for path, told in _documented_settings().items():
        where = path.replace("inputs[]", "inputs.0")
        if path in given or re.search(r"[…*]|\[\]", where) or not re.match(r"`|\*none", told):
            continue
        real: Any = in_force
        for step in where.split("."):
            real = real[int(step)] if step.isdigit() else (real or {}).get(step)
        assert real == (None if told == "*none*" else yaml.safe_load(told.strip("`"))), path
        compared += 1
    assert compared > 30


# --- metrics -------------------------------------------------------------------------------------


def test_every_metric_is_documented() -> None:
    page = _read("docs/metrics.md")

    missing = [
        metric.name
        for metric in CATALOGUE.values()
        if not re.search(rf"\b(?:{metric.name}|{metric.name.removeprefix('cohortd_')})\b", page)
    ]

    assert missing == []


def test_every_reason_of_a_dead_letter_is_a_documented_label() -> None:
    page = _read("docs/metrics.md")

    [row] = [line for line in page.splitlines() if line.startswith("| `reason` of `events_rej")]

    assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == set(Reason)


# --- the status --------------------------------------------------------------------------------


def test_every_field_of_the_status_is_documented_and_nothing_else() -> None:
    spread = Spread(1, 1.0, 1.0, 1.0)
    board = Board(DaemonView("1", "w", "h", "g", 0.0), 0.0)
    partition = PartitionView("t", 0, "assigned")
    board.publish_intake(
        IntakeView(
            partitions=(partition,), holds={"parked": ""}, dead_letters_by_reason={"refused": 1}
        ),
        0.0,
    )
    board.publish_delivery(
        DeliveryView(latency=spread, answer_time=spread, cohorts=(CohortView("c", "c"),)), 0.0
    )

    told = status_body(board, 0.0, 0.0)

    rows = dict(
        re.findall(
            r"^\| ((?:`\w+`(?:, )?)+) \| (.+) \|$", _read("docs/status-page.md"), re.MULTILINE
        )
    )
    fields = {name: words for names, words in rows.items() for name in re.findall(r"\w+", names)}
    assert set(fields) == set(told)
    for name, value in told.items():
        inner = value[0] if isinstance(value, list) else value
        if isinstance(inner, dict) and name != "checks":
            assert [key for key in inner if f"`{key}`" not in fields[name]] == [], name


# --- examples and links --------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_an_example_configuration_is_accepted(name: str, tmp_path: Path) -> None:
    text = _read(f"deploy/examples/{name}")
    for secret in set(re.findall(r"/run/secrets/(\w+)", text)):
        (tmp_path / secret).write_text(f"example-{secret}")
    file = tmp_path / name
    file.write_text(text.replace("/run/secrets", str(tmp_path)))
    compose = yaml.safe_load(_read("docker-compose.yml"))["services"]["cohortd"]

    settings = load([file], compose["environment"] if name == "compose.yaml" else {})

    assert settings.inputs


def test_the_example_producer_writes_changes_that_are_understood() -> None:
    producer = runpy.run_path(str(EXAMPLES / "produce.py"))
    changes = producer["generate_changes"](3, random.Random(1))
    events = list(itertools.islice(changes, 200))

    decoder = compile_input(InputSettings.model_validate({"topic": "t"}))
    decoded = decoder.decode(run_of(*events))

    assert decoded.rejects == ()
    assert decoded.change_set.count == 200
    assert {event["op"] for event in events} == {"add", "remove"}


_PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)

    relative = [target.split("#")[0] for target in targets if "://" not in target]
    broken = [name for name in relative if name and not (page.parent / name).exists()]

    assert broken == []


@pytest.mark.parametrize(
    "text", [*_PAGES, *sorted(EXAMPLES.glob("*.*"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_file_of_ours_that_is_named_is_there(text: Path) -> None:
    ours = r"`((?:daemon|deploy|docs|requirements|schemas|scripts|tests)/[\w./-]+\.[a-z]+)`"

    named = re.findall(ours, text.read_text(encoding="utf-8"))

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_of_kafkas_that_is_there_to_be_copied_names_the_brokers(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")

    blocks = re.findall(r"^ *```.*?^ *```$", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    commands = [line for line in lines if re.search(r"\bkafka-[a-z-]+\.sh\b", line)]

    assert [line for line in commands if "--bootstrap-server" not in line] == []
