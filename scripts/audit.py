"""Compare locked requirements with a snapshot of advisories: `scripts/audit.py FOLDER LOCK…`.

FOLDER has advisories in OSV's format, one a file, as osv.dev gives them out for PyPI. Ends with 1
where a locked version is affected, where that can't be told, and where the newest advisory is
older than 30 days: a snapshot that nobody renews would find less and less, in silence.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

OLDEST = timedelta(days=30)
_AHEAD = timedelta(days=1)  # Clocks differ; a snapshot of next year is none.


class Unusable(Exception):  # noqa: N818 - It is an answer, not a mistake.
    """This snapshot says nothing about today; the message says why."""


@dataclass(frozen=True, order=True, slots=True)
class Pin:
    """A version that a lock names, for any platform."""

    name: str
    version: str
    lock: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Advisories about PyPI's packages, by package, and when the newest was changed."""

    by_name: dict[str, list[dict[str, Any]]]
    count: int
    newest: datetime


def read_lock(path: Path) -> Iterator[Pin]:
    """Yield every pin, those for other platforms too."""
    for line in path.read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.removesuffix("\\").strip())
            [pin] = requirement.specifier
            yield Pin(_normal(requirement.name), pin.version, path.name)


def read_snapshot(folder: Path) -> Snapshot:
    """Return what the folder says, those withdrawn left out; raise Unusable."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    times: list[datetime] = []
    for path in sorted(folder.rglob("*.json")):
        try:
            advisory = json.loads(path.read_bytes())
            affected = [each for each in advisory.get("affected", []) if _is_pypi(each)]
            if affected:
                times.append(datetime.fromisoformat(advisory["modified"]).astimezone(UTC))
            for each in affected if "withdrawn" not in advisory else []:
                found = by_name.setdefault(_normal(each["package"]["name"]), [])
                found.append({**each, "id": advisory["id"]})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unusable(f"{path} is no advisory in OSV's format: {error!r}") from None
    if not times:
        raise Unusable(f"{folder} has no advisory about a package of PyPI")
    return Snapshot(by_name, len(times), max(times))


def check_age(newest: datetime, now: datetime) -> None:
    """Raise Unusable where the newest advisory is too old, or of a time to come."""
    if newest > now + _AHEAD:
        raise Unusable(f"its newest advisory is of {newest:%Y-%m-%d}, which is to come")
    if now - newest > OLDEST:
        days = (now - newest).days
        raise Unusable(f"its newest advisory is {days} days old: renew it, {OLDEST.days} at most")


def findings(pins: Iterable[Pin], snapshot: Snapshot) -> Iterator[str]:
    """Yield a line for each advisory that a pin is affected by, or may be."""
    for pin in sorted(set(pins)):
        ours = f"{pin.lock}: {pin.name} {pin.version}"
        for affected in snapshot.by_name.get(pin.name, ()):
            try:
                hit = _affects(affected, pin.version)
            except (InvalidVersion, KeyError, TypeError, AttributeError):
                yield f"{ours} may have {affected['id']}: look it up"
                continue
            if hit:
                yield f"{ours} has {affected['id']}, {_mended(affected)}"


def _affects(affected: dict[str, Any], version: str) -> bool:
    """Whether it is listed, or within a range: OSV's own rule."""
    if version in affected.get("versions", ()):
        return True
    ours = Version(version)
    if any(Version(each) == ours for each in affected.get("versions", ()) if _is_version(each)):
        return True
    ranges = [each for each in affected.get("ranges", ()) if each["type"] != "GIT"]
    if not ranges and not affected.get("versions"):
        raise KeyError("ranges")  # It says of no version that it is affected, nor that none is.
    return any(_within(each["events"], ours) for each in ranges)


def _within(events: list[dict[str, str]], ours: Version) -> bool:
    """Whether the last event up to our version is one that brings the weakness in."""
    limits = [Version(event["limit"]) for event in events if event.get("limit", "*") != "*"]
    if limits and all(ours >= limit for limit in limits):
        return False
    within = False
    for at, kind in sorted(_steps(events), key=lambda step: step[0]):
        if kind == "introduced" and ours >= at:
            within = True
        elif (kind == "fixed" and ours >= at) or (kind == "last_affected" and ours > at):
            within = False
    return within


def _steps(events: list[dict[str, str]]) -> Iterator[tuple[Version, str]]:
    for event in events:
        for kind, at in event.items():
            if kind != "limit":
                # `0` comes before any version, those of development too.
                yield Version("0.dev0" if (kind, at) == ("introduced", "0") else at), kind


def _mended(affected: dict[str, Any]) -> str:
    ranges = affected.get("ranges", ())
    fixed = [e["fixed"] for each in ranges for e in each["events"] if "fixed" in e]
    return f"mended in {', '.join(fixed)}" if fixed else "mended in no version"


def _is_pypi(affected: dict[str, Any]) -> bool:
    return str(affected.get("package", {}).get("ecosystem")) == "PyPI"


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(folder: Path, locks: list[Path], now: datetime) -> int:
    """Return 0 where no locked version is affected by anything of a fresh snapshot."""
    try:
        snapshot = read_snapshot(folder)
        check_age(snapshot.newest, now)
    except Unusable as why:
        print(f"the snapshot can't be used: {why}", file=sys.stderr)
        return 1
    pins = {pin for lock in locks for pin in read_lock(lock)}
    found = list(findings(pins, snapshot))
    for line in found:
        print(line, file=sys.stderr)
    told = f"{len(found)} findings" if found else "nothing known"
    print(f"{told}: {len(pins)} pins, {snapshot.count} advisories up to {snapshot.newest:%Y-%m-%d}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), list(map(Path, sys.argv[2:])), datetime.now(UTC)))
