"""What the rounds found, as a table for people and a file for machines."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import confluent_kafka

from tests.bench.daemon_run import Drained
from tests.bench.logs import Log
from tests.bench.measured import ROOT, Usage

RESULTS = ROOT / "bench-results"

HEAD = (
    "workload",
    "who",
    "CPU-s",
    "k ev/CPU-s",
    "x bare",
    "start apart",
    "wall s",
    "RSS MB",
    "requests",
    "x min",
    "exact",
)


@dataclass(frozen=True, slots=True)
class Round:
    """One of each kind, run one after the other, so that they met the same machine."""

    bare: Usage
    decode: Usage
    daemons: dict[str, Drained]


@dataclass(frozen=True, slots=True)
class Result:
    """All rounds of one log, and what bare loop and daemon cost that had nothing to do."""

    log: Log
    rounds: Sequence[Round]
    bare_start: Usage
    daemon_start: Usage

    @property
    def failures(self) -> list[str]:
        """Why a final state was not exact, each once."""
        return [
            f"{self.log.workload.name}, {name}: {drained.why}"
            for each in self.rounds
            for name, drained in each.daemons.items()
            if not drained.exact
        ]

    def rows(self) -> list[tuple[str, ...]]:
        bare = self._row("bare consume(10000)", lambda each: each.bare, self.bare_start)
        decode = self._row("+ decode into dicts", lambda each: each.decode, self.bare_start)
        rows = [bare, decode]
        for name in self.rounds[0].daemons:

            def usage(each: Round, name: str = name) -> Usage:
                return each.daemons[name].usage

            row = self._row(f"daemon, {name}", usage, self.daemon_start)
            rows.append(row[:-3] + self._requests(name))
        return rows

    def _row(self, who: str, of: Callable[[Round], Usage], start: Usage) -> tuple[str, ...]:
        rounds = [each for each in self.rounds if of(each).cpu_s > 0]
        if not rounds:
            return (self.log.workload.name, who, *["-"] * (len(HEAD) - 2))
        used = [of(each) for each in rounds]
        cpu_s = statistics.median(usage.cpu_s for usage in used)
        ratio = statistics.median(each.bare.cpu_s / of(each).cpu_s for each in rounds)
        apart = statistics.median(
            (each.bare.cpu_s - self.bare_start.cpu_s) / (of(each).cpu_s - start.cpu_s)
            for each in rounds
        )
        return (
            self.log.workload.name,
            who,
            f"{cpu_s:.2f}",
            f"{self.log.records / cpu_s / 1000:.0f}",
            f"{ratio:.2f}",
            f"{apart:.2f}",
            f"{statistics.median(usage.wall_s for usage in used):.1f}",
            f"{statistics.median(usage.peak_mb for usage in used):.0f}",
            "-",
            "-",
            "-",
        )

    def _requests(self, name: str) -> tuple[str, ...]:
        drained = [each.daemons[name] for each in self.rounds]
        requests = statistics.median(each.requests for each in drained)
        return (
            f"{requests:.0f} ({self.log.requests_min})",
            f"{requests / self.log.requests_min:.2f}",
            "yes" if all(each.exact for each in drained) else "NO",
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "workload": self.log.workload.name,
            "records": self.log.records,
            "requests_min": self.log.requests_min,
            "bare_start": asdict(self.bare_start),
            "daemon_start": asdict(self.daemon_start),
            "rounds": [asdict(each) for each in self.rounds],
        }


def show(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, aligned for a terminal as well."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def machine() -> dict[str, Any]:
    """Return what the numbers depend on and a reader would ask."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "librdkafka": confluent_kafka.libversion()[0],
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def save(name: str, found: dict[str, Any]) -> Path:
    """Write a result for machines; the folder is not kept in the repository."""
    RESULTS.mkdir(exist_ok=True)
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S")
    path = RESULTS / f"{name}-{stamp}.json"
    path.write_text(json.dumps({**machine(), **found}, indent=1))
    return path.relative_to(ROOT)
