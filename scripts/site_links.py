"""A hook of mkdocs: links to what the site does not have lead to the sources instead.

Pages link to code, tests and examples by relative paths, which is right in a checkout and where it
is hosted. Of the site only docs/ is a part. A link that leads nowhere is left alone: mkdocs warns
of it, and `--strict` makes that an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_LINK = re.compile(r"\]\((\.\./[^)\s#]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:  # noqa: ANN401
    """Return the page with its links out of docs/ led to the sources."""
    folder = (DOCS / page.file.src_uri).parent
    return with_sources(markdown, folder, config["extra"]["sources"])


def with_sources(markdown: str, folder: Path, sources: str) -> str:
    """Return a page that stands in `folder`, its links out of docs/ led to the sources."""

    def lead(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.is_relative_to(DOCS) or not target.is_relative_to(ROOT) or not target.exists():
            return link[0]
        kind = "tree" if target.is_dir() else "blob"
        where = target.relative_to(ROOT).as_posix()
        return f"]({sources}/{kind}/main/{where}{link[2] or ''})"

    return _LINK.sub(lead, markdown)
