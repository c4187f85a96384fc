"""A page's pipeline on a real Apache Kafka, under topic names that are the test's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.pipelines.documented import Page
from tests.support import kcat
from tests.support.processes import wait_until
from tests.support.stage import Stage, stage_at
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.daemon import DaemonProcess


class Pipeline:
    """What a page says, run. Its topics have a prefix that no other test uses."""

    def __init__(self, page: Page, stage: Stage) -> None:
        self.bootstrap = stage.bootstrap
        self._stage = stage
        self._page = page
        self._prefix = unique("t").replace("-", "")
        self._stems: set[str] = set()

    def named(self, topic: str) -> str:
        """Return the test's own name for a topic of the page."""
        stem, rest = topic.split(".", 1)
        return f"{stem}{self._prefix}.{rest}"

    def topic(self, topic: str) -> str:
        """Create a topic of the page, with three partitions."""
        self._stems.add(topic.split(".", 1)[0])
        return create_topic(self.bootstrap, 3, name=self.named(topic))

    def start(self) -> DaemonProcess:
        page = self._page
        for stem in self._stems:
            renamed = {f"{stem}{dot}": f"{stem}{self._prefix}{dot}" for dot in (r"\.", ".")}
            page = page.renamed_where_found(renamed)
        changes = page.changes()
        if page.config["start"] != "earliest":
            changes["start"] = page.config["start"]
        return self._stage.start(changes)

    def wait_equal(self, members: Mapping[str, set[str]]) -> None:
        """Return when Braze's cohorts are these; an empty cohort is as good as none."""
        wanted = {cohort: users for cohort, users in members.items() if users}

        def equal() -> bool:
            found = self._stage.simulator.cohorts()
            return {cohort: set(users) for cohort, users in found.items() if users} == wanted

        wait_until("the cohorts equal the source", equal, 60.0)


@pytest.fixture
def stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    def create(topic: str, partitions: int) -> None:
        create_topic(kafka, partitions, name=topic)

    with stage_at(kafka, tmp_path, create) as stage:
        yield stage


@pytest.fixture
def pipeline(request: pytest.FixtureRequest, stage: Stage) -> Pipeline:
    """Return the pipeline of the page that the test's module is named after."""
    try:
        kcat.program()
    except kcat.KcatError as why:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(why), pytrace=False)
        pytest.skip(str(why))
    name = request.path.stem.removeprefix("test_").replace("_", "-")
    return Pipeline(Page.named(name), stage)
