"""The documentation's site builds, and asks nobody for anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=folder,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_the_site_builds_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = _build(ROOT, tmp_path)

    assert built.returncode == 0, built.stderr
    loaded = [
        (page.name, tag)
        for page in tmp_path.rglob("*.html")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text())
        if re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag)
    ]
    assert loaded == []
    styles = [path.read_text() for path in tmp_path.rglob("*.css")]
    assert styles
    assert not any(re.search(r"url\([\"']?(?:https?:)?//", style) for style in styles)


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write("\n[nowhere](nowhere.md) [no place](metrics.md#no-place)\n")

    built = _build(tmp_path, tmp_path / "site")

    assert built.returncode != 0
    assert "'nowhere.md'" in built.stderr
    assert "#no-place" in built.stderr
