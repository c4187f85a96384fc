"""Wheel and sdist: the same bytes wherever, whenever and under whichever umask they are built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("daemon", "schemas", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
ENDS = {"wheel": ".whl", "sdist": ".tar.gz"}
EPOCH = "1767225600"  # 2026-01-01: any will do, so long as it is the same.
EPOCH_S = float(EPOCH)


def _copy(to: Path, *, aged_s: float, mode: int) -> None:
    """Copy what a wheel is made from, with times and rights of its own."""
    to.mkdir(parents=True)
    for name in NEEDED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / name)
    for path in to.rglob("*"):
        if path.is_file():
            path.chmod(mode)
        os.utime(path, (EPOCH_S + aged_s, EPOCH_S + aged_s))


def _build(at: Path, out: Path, *, umask: int, zone: str, target: str = "wheel") -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "-d", str(out)]
    environ = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": EPOCH, "TZ": zone, "LC_ALL": "C"}
    done = subprocess.run(
        command, cwd=at, env=environ, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    [made] = out.glob(f"*{ENDS[target]}")
    return made


@pytest.mark.parametrize("target", ENDS)
def test_two_builds_are_equal_to_the_byte(tmp_path: Path, target: str) -> None:
    one, other = tmp_path / "one", tmp_path / "another" / "place"
    _copy(one, aged_s=0, mode=0o644)
    _copy(other, aged_s=86_400, mode=0o600)

    first = _build(one, tmp_path / "first", umask=0o022, zone="UTC", target=target)
    second = _build(other, tmp_path / "second", umask=0o077, zone="Asia/Tokyo", target=target)

    digests = {hashlib.sha256(built.read_bytes()).hexdigest() for built in (first, second)}
    assert first.name == second.name
    assert len(digests) == 1


def test_the_wheel_has_the_package_and_nothing_beside_it(tmp_path: Path) -> None:
    _copy(tmp_path / "place", aged_s=0, mode=0o644)

    wheel = _build(tmp_path / "place", tmp_path / "out", umask=0o022, zone="UTC")

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"daemon", "cohortd"}
    assert not [name for name in names if name.endswith((".pyc", ".pem", ".key", ".env"))]
