"""The audit against a snapshot of advisories: what is affected is named, what is stale refused."""

from __future__ import annotations

import json
import runpy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS: dict[str, Any] = runpy.run_path(str(ROOT / "scripts" / "audit.py"))
main, read_lock = PARTS["main"], PARTS["read_lock"]
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
LOCK = """\
acme-lib==1.4.2 \\
    --hash=sha256:00
other==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:11
"""


def _advisory(
    name: str = "acme-lib",
    *,
    modified: str = "2026-03-30T00:00:00Z",
    **more: Any,  # noqa: ANN401 - it is JSON
) -> dict[str, Any]:
    affected: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": name}}
    places = {"versions", "ranges"} & more.keys()
    affected |= {key: more.pop(key) for key in places}
    return {"id": "PYSEC-2026-1", "modified": modified, "affected": [affected], **more}


def _range(*events: dict[str, str], kind: str = "ECOSYSTEM") -> list[dict[str, object]]:
    return [{"type": kind, "events": list(events)}]


def _audit(
    folder: Path, *advisories: object, lock: str = LOCK, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    snapshot = folder / "snapshot"
    snapshot.mkdir(exist_ok=True)
    for number, advisory in enumerate(advisories):
        (snapshot / f"{number}.json").write_text(json.dumps(advisory))
    (folder / "run.txt").write_text(lock)
    code = main(snapshot, [folder / "run.txt"], NOW)
    said = capsys.readouterr()
    return code, said.out + said.err


SINCE_ONE = {"introduced": "1.0"}
FROM_THE_START = {"introduced": "0"}
AFFECTED: dict[str, dict[str, Any]] = {
    "listed": {"versions": ["1.4.1", "1.4.2"]},
    "listed in another spelling": {"versions": ["1.4.2.0"]},
    "listed beside what is no version": {"versions": ["1.4.2-final-by-hand", "v1.4.2"]},
    "from the start, mended later": {"ranges": _range(FROM_THE_START, {"fixed": "1.4.3"})},
    "from the start, never mended": {"ranges": _range(FROM_THE_START)},
    "up to this one": {"ranges": _range(SINCE_ONE, {"last_affected": "1.4.2"})},
    "since this one": {"ranges": _range({"introduced": "1.4.2"})},
    "brought in again": {
        "ranges": _range(FROM_THE_START, {"fixed": "1.2"}, {"introduced": "1.4"}, {"fixed": "1.5"})
    },
    "events in any order": {
        "ranges": _range({"fixed": "1.5"}, {"introduced": "1.4"}, {"fixed": "1.2"}, FROM_THE_START)
    },
    "in the second of two ranges": {
        "ranges": [*_range(FROM_THE_START, {"fixed": "1.0"}), *_range({"introduced": "1.4"})]
    },
    "below the limit": {"ranges": _range(SINCE_ONE, {"limit": "1.5"})},
    "without a limit": {"ranges": _range(SINCE_ONE, {"limit": "*"})},
}
NOT_AFFECTED: dict[str, dict[str, Any]] = {
    "others are listed": {"versions": ["1.4.1", "1.4.20"]},
    "mended by this one": {"ranges": _range(FROM_THE_START, {"fixed": "1.4.2"})},
    "up to the one before": {"ranges": _range(FROM_THE_START, {"last_affected": "1.4.1"})},
    "since the next one": {"ranges": _range({"introduced": "1.4.3"})},
    "compared as numbers": {"ranges": _range({"introduced": "1.10"})},
    "between two ranges": {
        "ranges": _range(FROM_THE_START, {"fixed": "1.2"}, {"introduced": "2.0"}, {"fixed": "2.1"})
    },
    "above the limit": {"ranges": _range(SINCE_ONE, {"limit": "1.4"})},
}


@pytest.mark.parametrize("case", AFFECTED)
def test_a_version_that_is_affected_fails_and_is_named(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _audit(tmp_path, _advisory(**AFFECTED[case]), capsys=capsys)

    assert code == 1
    assert "run.txt: acme-lib 1.4.2 has PYSEC-2026-1" in said


@pytest.mark.parametrize("case", NOT_AFFECTED)
def test_a_version_that_is_not_affected_passes(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _audit(tmp_path, _advisory(**NOT_AFFECTED[case]), capsys=capsys)

    assert code == 0, said
    assert "nothing known: 2 pins, 1 advisories up to 2026-03-30" in said


def test_the_version_that_mends_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    advisory = _advisory(ranges=_range(FROM_THE_START, {"fixed": "1.4.3"}))

    assert "mended in 1.4.3" in _audit(tmp_path, advisory, capsys=capsys)[1]


def test_names_count_in_any_spelling_and_pins_of_other_platforms_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _advisory("Acme_Lib", versions=["1.4.2"])
    second = _advisory("OTHER", versions=["2.0"], id="PYSEC-2026-2")

    code, said = _audit(tmp_path, first, second, capsys=capsys)

    assert code == 1
    assert "acme-lib 1.4.2 has PYSEC-2026-1" in said
    assert "other 2.0 has PYSEC-2026-2" in said


@pytest.mark.parametrize(
    "advisory",
    [
        _advisory(versions=["1.4.2"], withdrawn="2026-03-30T00:00:00Z"),
        _advisory("acme-library", versions=["1.4.2"]),
    ],
    ids=["withdrawn", "of another package"],
)
def test_what_is_none_of_ours_passes(
    advisory: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _audit(tmp_path, advisory, capsys=capsys)[0] == 0


def test_other_ecosystems_are_none_of_ours_and_make_nothing_fresh(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = _advisory(versions=["1.4.2"])
    other["affected"][0]["package"]["ecosystem"] = "npm"

    code, said = _audit(tmp_path, other, capsys=capsys)

    assert code == 1
    assert "no advisory about a package of PyPI" in said


@pytest.mark.parametrize(
    "more",
    [{"ranges": _range({"introduced": "one"})}, {"ranges": _range(SINCE_ONE, kind="GIT")}, {}],
    ids=["no version", "commits only", "nothing"],
)
def test_what_cant_be_told_fails(
    more: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _audit(tmp_path, _advisory(**more), capsys=capsys)

    assert code == 1
    assert "acme-lib 1.4.2 may have PYSEC-2026-1: look it up" in said


@pytest.mark.parametrize(
    ("newest", "code"),
    [
        ("2026-03-01T12:00:00Z", 0),
        ("2026-03-01T11:59:59Z", 1),
        ("2025-03-31T12:00:00Z", 1),
        ("2026-04-01T11:00:00Z", 0),
        ("2026-04-03T00:00:00Z", 1),
    ],
    ids=["30 days", "a second more", "a year", "another clock", "to come"],
)
def test_a_snapshot_is_as_old_as_its_newest_advisory(
    newest: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = _advisory("unrelated", modified="2020-01-01T00:00:00Z", versions=["1"])
    new = _advisory("unrelated", modified=newest, versions=["2"])

    assert _audit(tmp_path, old, new, capsys=capsys)[0] == code


@pytest.mark.parametrize(
    "content", [[], "text", {"affected": [{}], "id": 1}, {**_advisory(), "modified": "yesterday"}]
)
def test_a_file_that_is_no_advisory_fails_and_is_named(
    content: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _audit(tmp_path, content, capsys=capsys)

    assert code == 1
    assert "can't be used" in said


def test_an_empty_folder_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit(tmp_path, capsys=capsys)[0] == 1


def test_every_lock_of_the_project_can_be_read() -> None:
    locks = sorted((ROOT / "requirements").glob("*.txt"))

    pins = {pin.name for lock in locks for pin in read_lock(lock)}

    assert {"httpx", "confluent-kafka", "hatchling", "pytest", "pip-audit"} <= pins
    assert len(pins) > 100
