"""A stage on a mock cluster, for tests of the whole daemon without a JVM; and a browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.admin import Served
from tests.support.chromium import Chromium, find_chromium
from tests.support.pages import DELIVERY, INTAKE
from tests.support.stage import Stage, stage_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.mock_cluster import MockCluster


@pytest.fixture
def stage(mock: MockCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage whose topic has one partition."""
    with stage_at(mock.bootstrap, tmp_path, mock.create_topic) as stage:
        yield stage


@pytest.fixture
def wide_stage(mock: MockCluster, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage whose topic has four partitions."""
    with stage_at(mock.bootstrap, tmp_path, mock.create_topic, partitions=4) as stage:
        yield stage


@pytest.fixture(scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail("Chromium is missing: install Debian's package chromium", pytrace=False)
        pytest.skip("Chromium is not installed (Debian: chromium)")
    with Chromium(program, tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def chromium(_browser: Chromium) -> Iterator[Chromium]:
    """Return a browser without a page; the test's own are closed at its end."""
    yield _browser
    _browser.close_pages()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.board.publish_intake(INTAKE, made.now_s)
    made.board.publish_delivery(DELIVERY, made.now_s)
    yield made
    assert made.server.stop()
