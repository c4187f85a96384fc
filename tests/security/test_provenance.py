"""The provenance of a build: about these files, of this commit, in the form others read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "provenance.py"
PARTS: dict[str, Any] = runpy.run_path(str(SCRIPT))
WORDS = ["--builder", "https://example.com/builder", "--source", "git+https://example.com/cohortd"]
FILES = {
    "cohortd-1.2.3-py3-none-any.whl": b"a wheel",
    "cohortd-1.2.3.tar.gz": b"an sdist",
    "cohortd.cdx.json": b"{}",
}

_URI = {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*:.+"}
_DIGEST = {
    "type": "object",
    "minProperties": 1,
    "properties": {"sha256": {"pattern": "^[0-9a-f]{64}$"}, "gitCommit": {"minLength": 40}},
    "additionalProperties": False,
}
_DESCRIPTOR = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "uri": _URI, "digest": _DIGEST},
    "additionalProperties": False,
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}],
}
# What in-toto Statement v1 and SLSA provenance v1 ask for, no field more than we use.
_SHAPE = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "predicateType": {"const": "https://slsa.dev/provenance/v1"},
        "subject": {
            "type": "array",
            "minItems": 1,
            "items": {**_DESCRIPTOR, "required": ["name", "digest"]},
        },
        "predicate": {
            "type": "object",
            "required": ["buildDefinition", "runDetails"],
            "additionalProperties": False,
            "properties": {
                "buildDefinition": {
                    "type": "object",
                    "required": ["buildType", "externalParameters"],
                    "additionalProperties": False,
                    "properties": {
                        "buildType": _URI,
                        "externalParameters": {"type": "object"},
                        "internalParameters": {"type": "object"},
                        "resolvedDependencies": {"type": "array", "items": _DESCRIPTOR},
                    },
                },
                "runDetails": {
                    "type": "object",
                    "required": ["builder"],
                    "additionalProperties": False,
                    "properties": {
                        "builder": {
                            "type": "object",
                            "required": ["id"],
                            "additionalProperties": False,
                            "properties": {"id": _URI},
                        }
                    },
                },
            },
        },
    },
}


def _git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    return subprocess.run(
        ["git", *who, *words], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the script and the locks in one commit, and a build that git ignores."""
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    (root / "requirements").mkdir()
    shutil.copy(SCRIPT, root / "scripts")
    for lock in PARTS["LOCKS"]:
        shutil.copy(ROOT / lock, root / lock)
    (root / ".gitignore").write_text("dist/\n")
    _git(root, "init", "-q")
    _git(root, "add", ".")
    _git(root, "commit", "-q", "-m", "first")
    (root / "dist").mkdir()
    for name, content in FILES.items():
        (root / "dist" / name).write_bytes(content)
    return root


def _write(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/provenance.py", "dist", *WORDS],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def _made(root: Path) -> Any:  # noqa: ANN401 - it is JSON
    done = _write(root)
    assert done.returncode == 0, done.stderr
    return json.loads((root / "dist" / "cohortd-1.2.3.provenance.json").read_bytes())


def test_it_has_the_form_that_in_toto_and_slsa_define(checkout: Path) -> None:
    jsonschema.Draft202012Validator(_SHAPE).validate(_made(checkout))


def test_its_subjects_are_the_files_and_their_digests(checkout: Path) -> None:
    subjects = {each["name"]: each["digest"]["sha256"] for each in _made(checkout)["subject"]}

    assert subjects == {
        name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()
    }


def test_it_names_commit_builder_and_locks_as_they_are(checkout: Path) -> None:
    predicate = _made(checkout)["predicate"]

    commit, epoch_s = _git(checkout, "log", "-1", "--format=%H %ct").split()
    built, at = predicate["buildDefinition"], f"git+https://example.com/cohortd@{commit}"
    digests = {each["uri"]: each.get("digest") for each in built["resolvedDependencies"]}
    locks = {lock: (ROOT / lock).read_bytes() for lock in PARTS["LOCKS"]}
    assert predicate["runDetails"]["builder"]["id"] == "https://example.com/builder"
    assert built["externalParameters"]["source"] == at
    assert built["internalParameters"] == {"SOURCE_DATE_EPOCH": epoch_s}
    assert digests[at] == {"gitCommit": commit}
    for lock, content in locks.items():
        assert digests[f"{at}#{lock}"] == {"sha256": hashlib.sha256(content).hexdigest()}


def test_it_lists_what_builds_the_wheel_as_the_lock_does() -> None:
    lock = ROOT / "requirements" / "build.txt"

    found = PARTS["packages"](lock)

    pins = re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE)
    assert found == [f"pkg:pypi/{name}@{version}" for name, version in pins]
    assert any(uri.startswith("pkg:pypi/hatchling@") for uri in found)


def test_one_commit_has_one_statement_whenever_it_is_made(checkout: Path) -> None:
    first = _made(checkout)
    for path in (checkout / "dist").iterdir():
        os.utime(path, (1, 1))

    assert _made(checkout) == first


@pytest.mark.parametrize("name", ["more.py", "requirements/build.txt"])
def test_of_files_that_are_in_no_commit_nothing_is_said(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("# mine\n")

    done = _write(checkout)

    assert done.returncode == 1
    assert "fresh clone" in done.stderr


@pytest.mark.parametrize("name", FILES)
def test_without_one_of_the_files_nothing_is_said(checkout: Path, name: str) -> None:
    (checkout / "dist" / name).unlink()

    done = _write(checkout)

    assert done.returncode == 1
    assert "dist lacks" in done.stderr


def test_two_wheels_are_one_too_many(checkout: Path) -> None:
    (checkout / "dist" / "cohortd-1.2.2-py3-none-any.whl").write_bytes(b"an old one")

    assert _write(checkout).returncode == 1
