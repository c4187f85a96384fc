"""`check --online` and the schema registry: what each answer of it means to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.settings import Settings
from daemon.tools.check.finding import Level
from daemon.tools.check.registry import look
from tests.support.configs import load_with
from tests.support.processes import free_port
from tests.support.registry import Serving, SmallRegistry


def settings_for(folder: Path, url: str, **more: object) -> Settings:
    needs = [{"topic": "cohort.membership", "encoding": "avro"}]
    return load_with(folder, {"inputs": needs, "schema_registry.url": url, **more})


def told(settings: Settings) -> list[tuple[Level, str]]:
    found = [(each.level, str(each)) for group in look(settings) for each in group.findings]
    assert "canary" not in str(found)
    return found


def test_a_registry_that_answers_is_fine(tmp_path: Path) -> None:
    small = SmallRegistry(authorization="Bearer canary-token")
    with Serving(small):
        settings = settings_for(
            tmp_path, small.url, **{"schema_registry.bearer_token": "canary-token"}
        )

        assert told(settings) == [(Level.OK, "schema_registry: answers, and takes our credentials")]


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        (SmallRegistry(authorization="Bearer canary"), "correct its username and password"),
        (SmallRegistry(status=403), "correct its username and password"),
        (SmallRegistry(status=404), "with Apicurio it ends with /apis/ccompat/v7"),
        (SmallRegistry(body=b"<html>"), "with Apicurio it ends with /apis/ccompat/v7"),
        (SmallRegistry(status=503), "it answers 503"),
    ],
    ids=["401", "403", "404", "html", "503"],
)
def test_each_trouble_has_its_next_step(answers: SmallRegistry, says: str, tmp_path: Path) -> None:
    with Serving(answers):
        [(level, line)] = told(settings_for(tmp_path, answers.url))

    assert level is Level.PROBLEM
    assert says in line


def test_a_registry_that_is_not_there_names_its_setting(tmp_path: Path) -> None:
    [(level, line)] = told(settings_for(tmp_path, f"http://127.0.0.1:{free_port()}"))

    assert level is Level.PROBLEM
    assert "correct schema_registry.url" in line


def test_without_a_registry_nothing_is_asked(tmp_path: Path) -> None:
    assert look(load_with(tmp_path, {})) == []
