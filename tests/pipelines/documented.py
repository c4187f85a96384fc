"""What the pages under `docs/pipelines` say, taken out of them: it is this that the tests run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PAGES = Path(__file__).parents[2] / "docs" / "pipelines"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `renamed` puts a test's own names in the place of the page's."""

    text: str

    @classmethod
    def named(cls, name: str) -> Page:
        """Return the page of this name."""
        return cls((PAGES / f"{name}.md").read_text())

    def renamed(self, **names: str) -> Page:
        """Return it with every such word replaced; each must be there."""
        text = self.text
        for old, new in names.items():
            assert old in text, f"the page says nothing of {old}"
            text = text.replace(old, new)
        return Page(text)

    def renamed_where_found(self, names: Mapping[str, str]) -> Page:
        """Return the configuration alone, with such words replaced."""
        (block,) = self.blocks("yaml")
        for old, new in names.items():
            block = block.replace(old, new)
        return Page(f"```yaml\n{block}```")

    def blocks(self, language: str) -> list[str]:
        """Return the fenced blocks of a language, at least one."""
        found = [body for kind, body in _BLOCK.findall(self.text) if kind == language]
        assert found, f"no block of {language}"
        return found

    @property
    def config(self) -> dict[str, Any]:
        """The daemon's configuration: the page's one block of YAML."""
        (block,) = self.blocks("yaml")
        document: dict[str, Any] = yaml.safe_load(block)
        return document

    @property
    def properties(self) -> dict[str, str]:
        """A connector's configuration: the page's one block of properties."""
        (block,) = self.blocks("properties")
        pairs = (line.split("=", 1) for line in block.splitlines() if line)
        return {name.strip(): value.strip() for name, value in pairs}

    def changes(self) -> dict[str, object]:
        """Return what a stage's configuration takes from the page: all but the places."""
        config = self.config
        own = ("kafka", "braze", "start", "dead_letter")
        return {name: part for name, part in config.items() if name not in own}
