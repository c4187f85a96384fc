"""Every page's configuration is valid as it stands, and every page has a test that runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from daemon.config.settings import load
from tests.pipelines.documented import PAGES, Page

NAMES = sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README")


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_loads_as_it_is_written(name: str, tmp_path: Path) -> None:
    config = Page.named(name).config
    for key in ("partner_api_key_file", "data_import_key_file"):
        (tmp_path / key).write_text("canary-key")
        config["braze"][key] = str(tmp_path / key)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))

    settings = load([file], {})

    assert settings.inputs
    assert settings.dead_letter.topic


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_test_and_its_place_in_the_table(name: str) -> None:
    test = Path(__file__).parent / f"test_{name.replace('-', '_')}.py"

    assert test.exists()
    assert f"({name}.md)" in (PAGES / "README.md").read_text()
