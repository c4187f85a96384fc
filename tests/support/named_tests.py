"""Tests as a page of the documentation names them: links to their files, which must be there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[`([\w/]+\.py)::(test_\w+)`\]\(\.\./tests/([\w/]+\.py)\)")


def missing(text: str) -> list[str]:
    """Return which tests that a text names are not there, or linked to another file."""
    return [
        f"{path}::{name}"
        for path, name, target in LINK.findall(text)
        if path != target or name not in _tests_in(path)
    ]


def rows_of(page: Path) -> list[list[str]]:
    """Return the cells of each row of a page's tables, without their heads."""
    lines = page.read_text(encoding="utf-8").splitlines()
    tables = [line for line in lines if line.startswith("| ")]
    under = {lines[at - 1] for at, line in enumerate(lines) if line.startswith("|---")}
    return [re.split(r" \| ", line.strip("| ")) for line in tables if line not in under]


@functools.cache
def _tests_in(path: str) -> frozenset[str]:
    file = ROOT / "tests" / path
    if not file.exists():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))
