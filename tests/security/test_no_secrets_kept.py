"""The repository holds no secret: neither a file of it, nor a commit before."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Put together from halves, so that this file does not hold what it looks for.
PATTERNS = {
    "private key": "-----BEGIN [A-Z ]*PRIV" + "ATE KEY-----",
    "key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "token of GitHub": r"\bgh[pousr]_\w{36,}|\bgithub_pat_\w{40,}",
    "token of Slack": r"\bxox[abprs]-[\w-]{10,}",
    "key of Google": r"\bAIza[\w-]{35}\b",
    "JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "webhook": "hooks" + r"\.slack\.com/services/\w+",
    # Braze's keys are UUIDs.
    "UUID for a key": r"(?i)(?:key|secret|token|passw\w*)[\"']?\s*[:=]\s*[\"']?"
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}",
    "password in an address": r"\b[a-z][a-z0-9+.-]*://[\w.-]+:(?!(?:pw|password|user|x|\{|\$|<|\*))"
    r"[^\s/@\"'{}<>]{3,}@",
    "value of a secret": r"(?i)(?:password|passwd|secret|api_?key|token)[\"']?\s*[:=]\s*[\"']"
    r"(?=[^\"'\s]*\d)(?=[^\"'\s]*[A-Za-z])[A-Za-z0-9+/_=-]{24,}[\"']",
}
# A value that says of itself that it is none, or opens only what docker-compose.yml starts.
_MADE_UP = re.compile(
    r"(?i)canary|example|change-?me|dummy|placeholder|fake|\*\*\*|xxxx|your|(?:shop:shop|debezium:debezium)-password@"
)
_SECRET_FILE = re.compile(r"(^|/)(\.env|\.netrc|\.pypirc|id_[rd]sa|.*\.(pem|key|p12|pfx|jks))$")


def _git(*words: str) -> bytes:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files are tracked can't be told")
    return subprocess.run([git, *words], cwd=ROOT, capture_output=True, check=True).stdout


@functools.cache
def _files() -> list[str]:
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.decode().split("\0") if name]


def _found(where: str, text: str) -> list[str]:
    return [
        f"{where}: {kind}"
        for kind, pattern in PATTERNS.items()
        for match in re.finditer(pattern, text)
        if not _MADE_UP.search(match.group())
    ]


def test_no_file_holds_a_secret() -> None:
    found: list[str] = []
    for name in _files():
        path = ROOT / name
        if path.is_file() and not name.startswith("requirements/"):
            found += _found(name, path.read_bytes().decode(errors="replace"))

    assert found == []


def test_no_file_is_of_a_kind_that_is_a_secret() -> None:
    assert len(_files()) > 200
    assert [name for name in _files() if _SECRET_FILE.search(name)] == []


def test_no_line_of_any_commit_added_a_secret() -> None:
    history = _git("log", "-p", "--unified=0", "--no-color", "--format=commit %h", "HEAD")
    commit, found = "", list[str]()
    added: list[str] = []
    for line in history.decode(errors="replace").splitlines():
        if line.startswith("commit "):
            found += _found(commit, "\n".join(added))
            commit, added = line, []
        elif line.startswith("+") and "--hash=" not in line:
            added.append(line[1:])
    found += _found(commit, "\n".join(added))

    assert commit
    assert sorted(set(found)) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", "-----BEGIN RSA PRIV" + "ATE KEY-----"),
        ("key of AWS", "AKIA" + "Q" * 16),
        ("UUID for a key", "api_key: 1b4e28ba-2fa1-11d2-" + "883f-0016d3cca427"),
        ("password in an address", "postgres://admin:hun" + "ter22@db.internal/x"),
        ("value of a secret", "SECRET = 'a8f3k2l9" + "d7g6h5j4k3l2m1n0'"),
    ],
)
def test_the_search_finds_what_it_looks_for(kind: str, text: str) -> None:
    assert _found("here", text) == [f"here: {kind}"]
