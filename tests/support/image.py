"""The container image, built from the Dockerfile and run without a container engine.

Debian's `buildah` builds it on a base made by `debootstrap`, since none can be fetched; a mount
namespace makes its root file system read-only, as Kubernetes would.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
NEEDED = ("buildah", "debootstrap", "unshare", "setpriv")
# Nobody in particular: as OpenShift chooses one for every namespace.
ARBITRARY_UID = 123_456

_BASE = "localhost/cohortd-base:test"
_IMAGE = "localhost/cohortd:test"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# What an administrator gave this machine is what the build inside asks with.
_STORAGE = '[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
_ENTER = """\
set -eu
root=$1 uid=$2 folder=$3; shift 3
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$folder" "$root$folder"
for shell in "$root/usr/bin/dash" "$root/usr/bin/bash"; do
    [ ! -e "$shell" ] || mount --bind /dev/null "$shell"
done
mount -o remount,ro,bind "$root"
exec setpriv --no-new-privs chroot --userspec="$uid:0" --groups= "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is built: its configuration, and its files and those of its base."""

    config: dict[str, Any]
    root: Path
    base: Path

    def program(self, folder: Path, uid: int = ARBITRARY_UID) -> list[str]:
        """Return what runs its entry point: read-only, unprivileged, without any shell.

        `folder` is there at the same path. The process that runs is the daemon itself.
        """
        (self.root / str(folder).lstrip("/")).mkdir(parents=True, exist_ok=True)
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, "enter"]
        environment = ["env", "-i", *self.config["Env"]]
        return [*environment, *enter, str(self.root), str(uid), str(folder), *self.entry]

    @property
    def entry(self) -> Sequence[str]:
        found: list[str] = self.config["Entrypoint"]
        return found


def build(folder: Path) -> Image:
    """Build the image; `folder` keeps the base and the layers for the next time."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / f"base-{platform.freedesktop_os_release()['VERSION_CODENAME']}"
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    (folder / "pip.conf").write_text(f"[global]\ncert = {_CERTIFICATES}\n")
    if not base.exists():
        _bootstrap(base)
    buildah = _Buildah(folder)
    if not buildah.run("images", "--quiet", "--filter", f"reference={_BASE}"):
        container = buildah.run("from", "scratch")
        buildah.run("add", "--quiet", container, str(base), "/")
        buildah.run("commit", "--quiet", "--rm", container, _BASE)
    lent = [f"{folder / 'pip.conf'}:/etc/pip.conf:ro", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"]
    volumes = [word for each in lent for word in ("--volume", each)]
    file = ["--build-arg", f"BASE_IMAGE={_BASE}", "--file", "deploy/Dockerfile"]
    buildah.run("bud", "--quiet", "--no-cache", *volumes, *file, "--tag", _IMAGE, ".")
    container = buildah.run("from", "--pull-never", _IMAGE)
    described = json.loads(buildah.run("inspect", "--type", "image", _IMAGE))
    return Image(described["OCIv1"]["config"], Path(buildah.run("mount", container)), base)


class _Buildah:
    def __init__(self, folder: Path) -> None:
        self._environ = {
            **os.environ,
            "BUILDAH_ISOLATION": "chroot",
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        }

    def run(self, *words: str) -> str:
        return _told(["buildah", *words], self._environ)


def _bootstrap(base: Path) -> None:
    """Make Debian with Python in a folder, from where this machine's own packages come."""
    known = _told(["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)"])
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    mirror = next(line.split()[0] for line in known.splitlines() if line.split()[1:] == [suite])
    new = base.with_name(f"{base.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    include = "--include=python3,python3-venv,ca-certificates"
    _told(["debootstrap", "--variant=minbase", include, suite, str(new), mirror])
    new.rename(base)


def _told(command: list[str], environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environ
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()
