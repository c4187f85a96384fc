"""Refuse to release from anything but a tag that one of the signers has signed for this commit.

`python scripts/release_tag.py v1.2.3 --signers FILE` prints the version, or says what is wrong and
ends with 1. FILE names who may sign, in the form that ssh-keygen(1) calls ALLOWED SIGNERS. It must
not come from the commit that is released: who can write there would let themselves in.

Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

_VERSION = re.compile(r'^__version__ = "([0-9]+\.[0-9]+\.[0-9]+)"$', re.MULTILINE)
_SIGNED = "-----BEGIN SSH SIGNATURE-----"
# Of keys that this machine happens to know, none counts: only the file's do.
_ONLY_SSH = ("-c", "gpg.program=false", "-c", "gpg.x509.program=false")


class Refused(Exception):  # noqa: N818 - It is an answer, not a mistake.
    """This is not to be released; the message says why, and what to do."""


def check(root: Path, tag: str, signers: Path) -> str:
    """Return the version that may be released from `root` as it is; raise Refused."""
    version = _version(root)
    if tag != f"v{version}":
        raise Refused(f"{tag} is not the version in daemon/__init__.py, {version}: tag v{version}")
    if _git(root, "status", "--porcelain"):
        raise Refused("there are files that are not in the commit: release from a fresh clone")
    _check_tag(root, tag)
    _check_signature(root, tag, signers)
    return version


def _version(root: Path) -> str:
    found = _VERSION.search((root / "daemon" / "__init__.py").read_text())
    if found is None:
        raise Refused('daemon/__init__.py has no __version__ = "MAJOR.MINOR.PATCH"')
    return found[1]


def _check_tag(root: Path, tag: str) -> None:
    """It is a tag object, made under this very name, of the commit that is checked out."""
    name = f"refs/tags/{tag}"
    told = _git(root, "for-each-ref", "--format=%(objecttype) %(tag) %(*objectname)", name).split()
    if not told:
        raise Refused(f"there is no tag {tag}: git fetch --tags, or git tag --sign {tag}")
    if told[0] != "tag":
        raise Refused(f"{tag} is a name only, which nobody can sign: git tag --sign {tag}")
    if told[1] != tag:  # A good signature of another release would be passed off as this one's.
        raise Refused(f"{tag} holds the tag {told[1]}: somebody has given it another name")
    head = _git(root, "rev-parse", "HEAD")
    if told[2] != head:
        raise Refused(f"{tag} is of commit {told[2]}, and {head} is checked out")


def _check_signature(root: Path, tag: str, signers: Path) -> None:
    if not signers.is_file() or not signers.read_text().strip():
        raise Refused(f"{signers} names nobody who may sign a release")
    if _SIGNED not in _git(root, "cat-file", "tag", tag):
        raise Refused(f"{tag} has no signature by an SSH key: git tag --sign {tag}")
    done = _run(
        root, *_ONLY_SSH, "-c", f"gpg.ssh.allowedSignersFile={signers.resolve()}", "verify-tag", tag
    )
    if done.returncode != 0:
        why = " ".join(done.stderr.split())
        raise Refused(f"{tag} is not signed by anybody of {signers}: {why}")


def _git(root: Path, *words: str) -> str:
    done = _run(root, *words)
    if done.returncode != 0:
        raise Refused(f"git {words[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def _run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - all our own.
        ["git", *words],  # noqa: S607 - whichever git there is.
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> int:
    """Return 0 where the tag may be released."""
    parser = argparse.ArgumentParser(description="Print the version of a signed release tag.")
    parser.add_argument("tag")
    parser.add_argument("--signers", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    try:
        print(check(Path.cwd(), options.tag, options.signers))
    except Refused as why:
        print(f"no release: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
