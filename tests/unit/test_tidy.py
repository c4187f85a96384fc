from __future__ import annotations

import ast
import functools
import importlib.metadata
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAEMON = ROOT / "daemon"
LINES_A_FILE = 300
LINES_A_FUNCTION = 50

# Who may import what of ours; a module not named here may import all but the tools.
_NOUNS = {"errors", "reasons", "tokens"}  # Import nothing of ours.
_SHARED = {"config", "logs", "metrics", "status", *_NOUNS}
_MAY_IMPORT = {
    "core": {"core"},
    "errors": {"errors"},
    "reasons": {"reasons"},
    "tokens": {"tokens"},
    "config": {"config", "core", *_NOUNS},
    "logs": {"logs", "config", "core", *_NOUNS},
    "metrics": {"metrics", "logs", "config", "core", *_NOUNS},
    "status": {"status", "core", *_NOUNS},
    "kafka": {"kafka", "core", *_SHARED},
    "formats": {"formats", "kafka", "core", *_SHARED},
    "intake": {"intake", "formats", "kafka", "core", *_SHARED},
    "braze": {"braze", "core", *_SHARED},
}
_MAY_IMPORT_TOOLS = {"tools", "commands", "__main__"}

# Put together from halves, so that this file does not hold what it looks for.
_FORBIDDEN = re.compile(
    "|".join(
        first + second
        for first, second in (
            ("py", r"pi\.org"),
            ("python", r"hosted\.org"),
            (r"repo1\.", "maven"),
            (r"repo\.", r"maven\.apache"),
            (r"registry\.", "npmjs"),
            (r"proxy\.", r"golang\.org"),
            ("/wo", r"rk/\w"),
            ("/ro", r"ot/[\w.]"),
            (r"(?<![\w.])/ho", r"me/\w"),
            ("/Us", r"ers/\w"),
        )
    )
)
_UNOWNED_TODO = re.compile(r"\b(?:TO" + "DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b(?!\(#\d+\))")


def _modules() -> list[Path]:
    return sorted(DAEMON.rglob("*.py"))


def _tidy_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


each_module = pytest.mark.parametrize("path", _modules(), ids=_tidy_name)


@functools.cache
def _project_texts() -> dict[str, str]:
    """Return the text of every file that is, or would be, tracked."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files are tracked can't be told")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    texts = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / name
        try:
            texts[name] = path.read_text() if path.is_file() else ""
        except UnicodeDecodeError:
            continue  # A picture, or a record captured in a binary encoding.
    return texts


# --- size and documentation of modules -----------------------------------------------------------


@each_module
def test_a_file_is_one_noun_and_stays_small(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LINES_A_FILE, f"{_tidy_name(path)} has {lines} lines: what noun can leave it?"


@each_module
def test_a_function_stays_small(path: Path) -> None:
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LINES_A_FUNCTION
    ]

    assert long == []


@each_module
def test_a_module_says_what_it_owns(path: Path) -> None:
    assert ast.get_docstring(_tree(path)), f"{_tidy_name(path)} has no docstring"


# --- imports go one way --------------------------------------------------------------------------


def _module_parts(path: Path) -> list[str]:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def _imported(path: Path) -> Iterator[str]:
    """Yield the absolute name of everything a module imports, inside functions too."""
    package = _module_parts(path) if path.name == "__init__.py" else _module_parts(path)[:-1]
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _part(name: str) -> str | None:
    """Return the part of the daemon a dotted name belongs to: `kafka` of `daemon.kafka.consumer`.

    The package itself, of which anyone may ask the version, belongs to none.
    """
    parts = name.split(".")
    if parts[0] != "daemon" or len(parts) == 1:
        return None
    is_ours = (DAEMON / parts[1]).is_dir() or (DAEMON / f"{parts[1]}.py").is_file()
    return parts[1] if is_ours else None


@each_module
def test_imports_go_one_way(path: Path) -> None:
    own = _part(".".join(_module_parts(path)))
    imported = {part for name in _imported(path) if (part := _part(name))}

    if own in _MAY_IMPORT:
        assert imported <= _MAY_IMPORT[own], f"{_tidy_name(path)} reaches too far"
    if own not in _MAY_IMPORT_TOOLS:
        assert "tools" not in imported, "the daemon imports no tool"


@pytest.mark.parametrize("path", sorted((DAEMON / "core").rglob("*.py")), ids=_tidy_name)
def test_the_core_stands_on_the_standard_library_alone(path: Path) -> None:
    roots = {name.split(".")[0] for name in _imported(path)}

    assert roots - {"daemon"} <= set(sys.stdlib_module_names)


_IMPURE = {"time", "random", "secrets", "threading", "asyncio", "logging", "socket", "os", "io"}


@pytest.mark.parametrize("path", sorted((DAEMON / "core").rglob("*.py")), ids=_tidy_name)
def test_the_core_is_told_time_and_chance(path: Path) -> None:
    roots = {name.split(".")[0] for name in _imported(path)}

    assert roots.isdisjoint(_IMPURE)


# --- what every tracked file must not hold -------------------------------------------------------


def test_no_file_names_a_package_host_or_a_path_of_one_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in _project_texts().items()
        if name != "LICENSE"
        for number, line in enumerate(text.splitlines(), 1)
        if _FORBIDDEN.search(line)
    ]

    assert found == []


def test_the_search_for_hosts_and_paths_finds_them() -> None:
    samples = [
        "https://py" + "pi.org/simple",
        "/ro" + "ot/.cache",
        "cd /wo" + "rk/x",
        "/ho" + "me/a",
    ]

    assert all(_FORBIDDEN.search(sample) for sample in samples)


def test_nothing_is_left_to_do_without_an_issue() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in _project_texts().items()
        if name.endswith((".py", ".sh", ".toml", ".yaml", ".yml", "Makefile", "Dockerfile"))
        for number, line in enumerate(text.splitlines(), 1)
        if _UNOWNED_TODO.search(line)
    ]

    assert found == []


# --- locked requirements -------------------------------------------------------------------------

_LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def _pins(lock: Path) -> dict[str, str]:
    """Return the text of each pinned requirement, its hashes included, by package name."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if entry.strip()]
    return {entry.split("==")[0].strip(): entry for entry in entries}


@pytest.mark.parametrize("lock", _LOCKS, ids=_tidy_name)
def test_every_locked_requirement_is_pinned_and_hashed(lock: Path) -> None:
    for name, entry in _pins(lock).items():
        assert re.match(r"^[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, f"{name} has no hash"


@pytest.mark.parametrize("lock", _LOCKS, ids=_tidy_name)
def test_a_lock_names_no_index(lock: Path) -> None:
    text = lock.read_text()

    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links)\b", text, re.MULTILINE)


def test_the_locks_agree_with_each_other() -> None:
    versions = [
        {name: entry.split("==")[1].split()[0] for name, entry in _pins(lock).items()}
        for lock in _LOCKS
    ]

    for one in versions:
        for other in versions:
            assert {n: one[n] for n in one.keys() & other} == {
                n: other[n] for n in one.keys() & other
            }


def _dependencies() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = itertools.chain.from_iterable(project["optional-dependencies"].values())
    lines = [*project["dependencies"], *extras]
    return [re.split(r"[\s\[<>=!~;]", line)[0] for line in lines]


_BROUGHT_ALONG = {"pydantic-core"}  # Pydantic pins its core exactly; they are one library.


def test_what_the_daemon_imports_is_declared() -> None:
    owners = importlib.metadata.packages_distributions()
    roots = {name.split(".")[0] for path in _modules() for name in _imported(path)}
    third = roots - {"daemon"} - set(sys.stdlib_module_names)

    imported = {owner.lower().replace("_", "-") for root in third for owner in owners[root]}

    assert imported <= {*_dependencies(), *_BROUGHT_ALONG}, "imported, but not in pyproject.toml"


def test_every_dependency_is_locked_and_has_its_reason_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    locked = _pins(ROOT / "requirements" / "aws.txt")

    for name in _dependencies():
        assert name in locked, f"{name}: run `make lock`"
        assert f"`{name}`" in changelog, f"{name}: the changelog says why we depend on it"
