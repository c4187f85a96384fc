"""Write what a build in `dist` was made from: an in-toto statement with SLSA's provenance.

`python scripts/provenance.py dist --builder URI --source URI` writes one file beside the others.
It says nothing that does not follow from the commit, the files and these two words, so it is the
same whenever it is made; it is refused where there are files that are not in the commit. It is
unsigned, and its builder is whoever runs this: SLSA build level 1, no more (docs/releases.md).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

_ROOT = Path(__file__).resolve().parent.parent
_STATEMENT = "https://in-toto.io/Statement/v1"
_PROVENANCE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "https://github.com/cohortd/cohortd/blob/main/docs/releases.md#build-v1"
_MADE_BY = "make wheel sbom"
_ENDS = ("-*.whl", "-*.tar.gz", ".cdx.json")
# What goes into the wheel's making, and what the bill of materials is made from.
LOCKS = ("requirements/build.txt", "requirements/aws.txt")


class Refused(Exception):  # noqa: N818 - It is an answer, not a mistake.
    """There is nothing that a statement could be made about; the message says why."""


@dataclass(frozen=True, slots=True)
class Commit:
    """What is built, where it can be had, and by whom it is built."""

    id: str  # 40 or 64 hex digits.
    epoch_s: int  # The second of its commit, which is what the files in a wheel are dated.
    source: str  # A URI, like git+https://example.com/cohortd.
    builder: str  # A URI.


def statement(commit: Commit, files: Iterable[Path], root: Path) -> dict[str, Any]:
    """Return the statement about these files, whose locks are below `root`."""
    at = f"{commit.source}@{commit.id}"
    return {
        "_type": _STATEMENT,
        "subject": [_described(path, name=path.name) for path in sorted(files)],
        "predicateType": _PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"source": at, "command": _MADE_BY},
                "internalParameters": {"SOURCE_DATE_EPOCH": str(commit.epoch_s)},
                "resolvedDependencies": [
                    {"uri": at, "digest": {"gitCommit": commit.id}},
                    *(_described(root / lock, name=lock, uri=f"{at}#{lock}") for lock in LOCKS),
                    *({"uri": uri} for uri in packages(root / LOCKS[0])),
                ],
            },
            "runDetails": {"builder": {"id": commit.builder}},
        },
    }


def packages(lock: Path) -> list[str]:
    """Return what is locked as package URLs, in the order of the lock."""
    lines = [line for line in lock.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)]
    pins = [Requirement(line.removesuffix("\\").strip()) for line in lines]
    return [f"pkg:pypi/{pin.name}@{str(pin.specifier).removeprefix('==')}" for pin in pins]


def commit_of(root: Path, source: str, builder: str) -> Commit:
    """Return the commit that is checked out; raise Refused where the files are not its own."""
    if _git(root, "status", "--porcelain"):
        raise Refused("there are files that are not in the commit: build from a fresh clone")
    made, epoch = _git(root, "log", "-1", "--format=%H %ct").split()
    return Commit(made, int(epoch), source, builder)


def _described(path: Path, **words: str) -> dict[str, Any]:
    return {**words, "digest": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - all our own.
        ["git", *words],  # noqa: S607 - whichever git there is.
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(f"git {words[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def _uri(text: str) -> str:
    if re.fullmatch(r"[a-z][a-z0-9+.-]*:[!-~]+", text) is None:
        raise argparse.ArgumentTypeError("is no URI, like https://example.com/builder")
    return text


def write(dist: Path, root: Path, source: str, builder: str) -> Path:
    """Write the statement about the wheel, the sdist and the bill in `dist`; return its file."""
    found = {end: sorted(dist.glob(f"cohortd{end}")) for end in _ENDS}
    for end, files in found.items():
        if len(files) != 1:
            raise Refused(f"{dist} lacks cohortd{end}, or has several: {_MADE_BY}")
    wheel, *others = (files[0] for files in found.values())
    made = statement(commit_of(root, source, builder), [wheel, *others], root)
    out = dist / f"{wheel.name.split('-py3-')[0]}.provenance.json"
    out.write_text(json.dumps(made, indent=2) + "\n")
    return out


def main() -> int:
    """Return 0 when the statement was written."""
    parser = argparse.ArgumentParser(description="Write what a build was made from.")
    parser.add_argument("dist", type=Path)
    parser.add_argument("--builder", type=_uri, required=True, metavar="URI")
    parser.add_argument("--source", type=_uri, required=True, metavar="URI")
    options = parser.parse_args()
    try:
        print(write(options.dist, _ROOT, options.source, options.builder))
    except Refused as why:
        print(f"no provenance: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
