"""A release is made from a tag that somebody who may has signed: for this name and this commit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.tools import debian_tool

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "release_tag.py"


@dataclass(frozen=True)
class Checkout:
    """A repository of version 1.2.3 with one commit, and the keys of two persons outside of it."""

    root: Path
    keys: Path

    def git(self, *words: str) -> None:
        own = {"HOME": str(self.keys), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
        subprocess.run(["git", *words], cwd=self.root, env=own, check=True, capture_output=True)

    def sign(self, tag: str, who: str) -> None:
        key = f"user.signingkey={self.keys / who}"
        self.git("-c", "gpg.format=ssh", "-c", key, "tag", "--sign", tag, "-m", tag)

    def release(self, tag: str = "v1.2.3", signers: str = "signers") -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, SCRIPT, tag, "--signers", self.keys / signers],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    keygen = debian_tool("ssh-keygen", "openssh-client")
    it = Checkout(tmp_path / "checkout", tmp_path / "keys")
    it.keys.mkdir()
    for who in ("maintainer", "stranger"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", it.keys / who], check=True)
    public = (it.keys / "maintainer.pub").read_text()
    (it.keys / "signers").write_text(f'maintainer@example.com namespaces="git" {public}')
    (it.keys / "nobody").write_text("\n")
    (it.root / "daemon").mkdir(parents=True)
    (it.root / "daemon" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    it.git("init", "-q")
    it.git("config", "user.name", "Somebody")
    it.git("config", "user.email", "somebody@example.com")
    it.git("add", ".")
    it.git("commit", "-q", "-m", "first")
    return it


def test_a_tag_of_this_commit_signed_by_who_may_is_released(checkout: Checkout) -> None:
    checkout.sign("v1.2.3", "maintainer")

    assert checkout.release() == (0, "1.2.3")


def test_an_unsigned_tag_is_refused(checkout: Checkout) -> None:
    checkout.git("tag", "--annotate", "v1.2.3", "-m", "v1.2.3")

    code, said = checkout.release()

    assert code == 1
    assert "v1.2.3 has no signature by an SSH key: git tag --sign v1.2.3" in said


def test_a_name_without_a_tag_object_is_refused(checkout: Checkout) -> None:
    checkout.git("tag", "v1.2.3")

    code, said = checkout.release()

    assert code == 1
    assert "is a name only" in said


def test_no_tag_is_refused(checkout: Checkout) -> None:
    assert checkout.release()[0] == 1


def test_a_strangers_signature_is_refused(checkout: Checkout) -> None:
    checkout.sign("v1.2.3", "stranger")

    code, said = checkout.release()

    assert code == 1
    assert "not signed by anybody of" in said


def test_a_stranger_whom_the_checkouts_own_settings_trust_is_refused(checkout: Checkout) -> None:
    public = (checkout.keys / "stranger.pub").read_text()
    (checkout.keys / "own").write_text(f"stranger@example.com {public}")
    checkout.git("config", "gpg.ssh.allowedSignersFile", str(checkout.keys / "own"))
    checkout.sign("v1.2.3", "stranger")

    assert checkout.release()[0] == 1
    assert checkout.release(signers="own")[0] == 0


def test_a_signature_for_anything_but_git_is_refused(checkout: Checkout) -> None:
    public = (checkout.keys / "maintainer.pub").read_text()
    (checkout.keys / "mail").write_text(f'maintainer@example.com namespaces="mail" {public}')
    checkout.sign("v1.2.3", "maintainer")

    assert checkout.release(signers="mail")[0] == 1


def test_a_tag_that_was_changed_after_it_was_signed_is_refused(checkout: Checkout) -> None:
    checkout.sign("v1.2.3", "maintainer")
    show = ["git", "cat-file", "tag", "v1.2.3"]
    signed = subprocess.run(show, cwd=checkout.root, capture_output=True, check=True).stdout
    forged = signed.replace(b"\n\nv1.2.3\n", b"\n\nv1.2.3, by me\n")
    write = ["git", "hash-object", "-t", "tag", "-w", "--stdin"]
    made = subprocess.run(
        write, cwd=checkout.root, input=forged, capture_output=True, check=True
    ).stdout
    checkout.git("update-ref", "refs/tags/v1.2.3", made.decode().strip())

    assert forged != signed
    assert checkout.release()[0] == 1


def test_a_signed_tag_under_another_name_is_refused(checkout: Checkout) -> None:
    checkout.sign("v1.2.2", "maintainer")
    checkout.git("update-ref", "refs/tags/v1.2.3", "refs/tags/v1.2.2")

    code, said = checkout.release()

    assert code == 1
    assert "holds the tag v1.2.2" in said


def test_a_tag_of_another_commit_is_refused(checkout: Checkout) -> None:
    checkout.sign("v1.2.3", "maintainer")
    checkout.git("commit", "-q", "--allow-empty", "-m", "second")

    code, said = checkout.release()

    assert code == 1
    assert "is checked out" in said


def test_another_version_than_the_codes_is_refused(checkout: Checkout) -> None:
    checkout.sign("v1.2.4", "maintainer")

    code, said = checkout.release("v1.2.4")

    assert code == 1
    assert "tag v1.2.3" in said


@pytest.mark.parametrize("name", ["left_over.py", "daemon/__init__.py"])
def test_files_that_are_not_in_the_commit_are_refused(checkout: Checkout, name: str) -> None:
    checkout.sign("v1.2.3", "maintainer")
    with (checkout.root / name).open("a") as file:
        file.write("# mine\n")

    code, said = checkout.release()

    assert code == 1
    assert "fresh clone" in said


@pytest.mark.parametrize("signers", ["nobody", "no-such-file"])
def test_without_signers_nothing_is_released(checkout: Checkout, signers: str) -> None:
    checkout.sign("v1.2.3", "maintainer")

    code, said = checkout.release(signers=signers)

    assert code == 1
    assert "names nobody" in said
