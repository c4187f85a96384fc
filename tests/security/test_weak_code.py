"""The daemon's source: what bandit finds in it, and what must not stand in it at all."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "daemon").rglob("*.py"))

# What bandit finds and somebody has judged: file, rule and how often, with why it is no weakness.
JUDGED = {
    ("daemon/formats/avro_running.py", "B102"): 1,  # Source that the daemon made; see `EXECUTED`.
    ("daemon/formats/avro_samples.py", "B311"): 1,  # Made-up records: repeatable on purpose.
    ("daemon/config/kafka_properties.py", "B105"): 1,  # The name of a property.
    ("daemon/config/sections.py", "B104"): 1,  # The admin port: probes come from outside.
    ("daemon/tools/demo/child.py", "B404"): 1,  # The demo starts our own daemon,
    ("daemon/tools/demo/child.py", "B603"): 1,  # without a shell.
    ("daemon/tools/demo/day.py", "B311"): 1,  # Made-up events: repeatable on purpose.
    ("daemon/tools/simulator/fault_list.py", "B311"): 1,  # Faults likewise.
    ("daemon/tools/simulator/keys.py", "B105"): 1,  # What Braze says of a wrong key.
    ("daemon/tools/simulator/server.py", "B104"): 1,  # A comparison, to warn of it.
}

BANNED_CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint"),
    *("os.system", "os.popen", "os.execv", "os.spawnv", "tempfile.mktemp"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("faulthandler.enable", "faulthandler.register", "traceback.print_exc"),
    *("hashlib.md5", "hashlib.sha1", "random.seed"),
}
# The one place that runs made source. What may become source: `unit/test_avro_source.py`.
EXECUTED = ("daemon/formats/avro_running.py", "exec")
BANNED_IMPORTS = {"pickle", "marshal", "shelve", "dill", "telnetlib", "ftplib", "xml", "cgi"}
BANNED_ARGUMENTS = {("verify", False), ("shell", True), ("trust_env", True)}
BANNED_ARGUMENTS |= {("follow_redirects", True), ("show_locals", True), ("allow_redirects", True)}
LOGGING = {"debug", "info", "warning", "error", "critical", "exception", "log"}
BODIES = {"body", "encoded", "credentials", "headers", "secret", "password", "records", "value"}


def _where(path: Path, node: ast.expr | ast.stmt) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:80]}"


def _file(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


def _is_log(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LOGGING:
        return False
    whose = ast.unparse(call.func.value)
    return (
        whose.endswith(("log", "logger", "folded")) or "get_logger" in whose or whose == "logging"
    )


def _is_spliced(argument: ast.expr) -> bool:
    """Whether a text is put together on the spot: f"…", "…" % x, "…" + x, "…".format(x)."""
    formatted = isinstance(argument, ast.Call) and ast.unparse(argument.func).endswith(".format")
    return isinstance(argument, ast.JoinedStr | ast.BinOp) or formatted


def test_bandit_finds_nothing_that_nobody_has_judged() -> None:
    command = [sys.executable, "-m", "bandit", "-q", "-r", "daemon", "-f", "json"]
    # Assertions guard the core's promises, and stay on: nothing runs Python with -O.
    done = subprocess.run(
        [*command, "--skip", "B101"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert found["metrics"]["_totals"]["loc"] > 10_000
    assert found["metrics"]["_totals"]["nosec"] == 0
    assert Counter((one["filename"], one["test_id"]) for one in found["results"]) == JUDGED


def test_nothing_runs_python_without_assertions() -> None:
    places = [ROOT / "Makefile", *(ROOT / "deploy").rglob("*"), *(ROOT / "scripts").iterdir()]
    texts = [path.read_text(encoding="utf-8") for path in places if path.is_file()]

    assert len(texts) > 5
    assert not any("PYTHONOPTIMIZE" in text or "python -O" in text for text in texts)


def test_no_call_runs_what_it_is_given_or_trusts_whom_it_meets() -> None:
    banned = [(p, call) for p, call in _calls() if ast.unparse(call.func) in BANNED_CALLS]
    judged = [(p, c) for p, c in banned if (_file(p), ast.unparse(c.func)) == EXECUTED]
    named = [_where(path, call) for path, call in banned if (path, call) not in judged]
    told = [
        _where(path, call)
        for path, call in _calls()
        for word in call.keywords
        if isinstance(word.value, ast.Constant) and (word.arg, word.value.value) in BANNED_ARGUMENTS
    ]

    assert named == []
    assert len(judged) == 1
    assert told == []


def test_nothing_is_unpickled_nor_imported_that_would() -> None:
    found = [
        _where(path, node)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
        if name.split(".")[0] in BANNED_IMPORTS
    ]

    assert found == []


def test_no_log_line_is_put_together_nor_has_a_body_in_it() -> None:
    logs = [(path, call) for path, call in _calls() if _is_log(call)]

    spliced = [_where(path, call) for path, call in logs if any(map(_is_spliced, call.args[:1]))]
    bodies = [
        _where(path, call)
        for path, call in logs
        for word in call.keywords
        if isinstance(word.value, ast.Name) and word.value.id in BODIES
    ]

    assert len(logs) > 40
    assert spliced == []
    assert bodies == []


@pytest.mark.parametrize("line", ["log.info(f'{x}')", "self._log.error('%s' % x)", "log.info(a+b)"])
def test_the_search_for_log_lines_finds_them(line: str) -> None:
    call = ast.parse(line, mode="eval").body

    assert isinstance(call, ast.Call)
    assert _is_log(call)
    assert _is_spliced(call.args[0])
