"""The container image, built and run: what is in it, what it needs, and that it delivers."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.image import NEEDED, ROOT, Image, build
from tests.support.stage import add, stage_at
from tests.support.topics import create_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def image() -> Image:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"building an image needs root and {', '.join(NEEDED)}; missing: {missing}")
    return build(ROOT / ".cache" / "image")


def _files(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            yield path, path.lstat()


def test_it_delivers_read_only_as_anybody_without_a_shell_and_stops_when_told(
    image: Image, kafka: str, server_folder: Path
) -> None:
    folder = server_folder / "image"
    folder.mkdir(mode=0o755)
    with stage_at(kafka, folder, lambda topic, count: create_topic(kafka, count, name=topic)) as it:
        it.produce(add("vip", "u1"), add("vip", "u2"))

        daemon = it.start(program=image.program(folder))

        it.wait_members(vip={"u1", "u2"})
        daemon.wait_until_ready()
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        assert "Uid:\t123456\t123456\t123456\t123456\n" in status
        assert "CapEff:\t0000000000000000\n" in status
        assert "NoNewPrivs:\t1\n" in status
        mounts = Path(f"/proc/{daemon.pid}/mountinfo").read_text().splitlines()
        assert next(line.split()[5] for line in mounts if line.split()[4] == "/").startswith("ro")
        assert [daemon.get(path)[0] for path in ("/livez", "/readyz", "/metrics")] == [200] * 3
        assert daemon.terminate() == 0


def test_it_adds_little_to_its_base(image: Image) -> None:
    added = sum(found.st_size for _, found in _files(image.root)) - sum(
        found.st_size for _, found in _files(image.base)
    )

    print(f"\n{added / 2**20:.0f} MiB beyond the base")
    assert 10 * 2**20 < added < 150_000_000


def test_nothing_in_it_can_gain_rights_or_install_more(image: Image) -> None:
    ours = list(_files(image.root / "opt" / "cohortd"))

    assert ours
    assert [
        str(path) for path, found in ours if found.st_mode & (stat.S_ISUID | stat.S_ISGID)
    ] == []
    assert [
        str(path)
        for path, found in ours
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & stat.S_IWOTH
    ] == []
    assert not any(path.name in {"pip", "pip3", "hatchling"} for path, _ in ours)
    assert not (image.root / "src").exists()
    assert not (image.root / "build").exists()


def test_it_can_log_in_to_amazon_msk(image: Image) -> None:
    found = (image.root / "opt" / "cohortd").glob("lib/python*/site-packages/*")

    assert "aws_msk_iam_sasl_signer" in {path.name for path in found}


def test_it_says_what_it_is_and_who_runs_it(image: Image) -> None:
    user, _, group = image.config["User"].partition(":")

    assert min(int(user), int(group)) >= 10_000
    assert image.config["Entrypoint"] == ["/opt/cohortd/bin/cohortd"]
    assert image.config["StopSignal"] == "SIGTERM"
    assert "Healthcheck" not in image.config  # Probes are Kubernetes'.
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.title"] == "cohortd"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [entry for entry in image.config["Env"] if "KEY" in entry or "SECRET" in entry]
