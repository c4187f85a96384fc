"""What a status looks like in a terminal of some size. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.report import duration

_HEAD_LINES: Final = 9
_SPARK: Final = "▁▂▃▄▅▆▇█"
_FINE: Final = ("", "ok", "queued")
_STATES: Final = {
    "assigned": "green",
    "parked": "bold red",
    "waiting": "yellow",
    "replaying": "cyan",
    "paused": "yellow",
}


@dataclass(frozen=True, slots=True)
class Rates:
    """What went on lately, a second; `delivered` is by second, the newest last."""

    read: float = 0.0
    delivered: Sequence[float] = ()
    requests: float = 0.0


def draw(status: Mapping[str, Any], rates: Rates, width: int, height: int) -> RenderableType:
    """Return the picture: the sentence, why it waits, the numbers, partitions and cohorts."""
    head: list[RenderableType] = [_title(status), _sentence(status)]
    head += [_wait(wait) for wait in status["waits"]]
    head.append(_numbers(status, rates, width))
    left = max(2, height - _HEAD_LINES - len(status["waits"]))
    partitions = sorted(status["partitions"], key=_worst_first)
    cohorts = status["cohorts"]
    of_partitions = min(len(partitions), max(1, left // 2 - 2))
    of_cohorts = min(len(cohorts), max(1, left - of_partitions - 4))
    return Group(
        *head,
        _partitions(partitions[:of_partitions], len(partitions)),
        _cohorts(cohorts[:of_cohorts], int(status["cohorts_known"])),
    )


def lost(url: str, why: str) -> RenderableType:
    """Return what is shown while nobody answers."""
    return Text(f"{url} gives no status: {why}", style="red")


def _title(status: Mapping[str, Any]) -> Text:
    ready = ("ready", "green") if status["ready"] else ("not ready", "bold red")
    workspace = status["workspace"] or status["group_id"]
    up = duration(float(status["uptime_s"]))
    return Text.assemble(
        ("cohortd ", "bold"),
        f"{status['version']}  {workspace}  up {up}  configuration {status['config_hash']}  ",
        ready,
    )


def _sentence(status: Mapping[str, Any]) -> Text:
    grave = any(wait["act"] for wait in status["waits"]) or not status["live"]
    return Text(str(status["summary"]), style="bold red" if grave else "bold")


def _wait(wait: Mapping[str, Any]) -> Text:
    detail = f" ({wait['detail']})" if wait["detail"] else ""
    style = "red" if wait["act"] else "yellow"
    return Text.assemble(
        (f"  {wait['reason']}", style), f"  {wait['why']}{detail} {wait['remedy']}"
    )


def _numbers(status: Mapping[str, Any], rates: Rates, width: int) -> Text:
    counters, quota = status["counters"], status["quota"]
    oldest, left = status["oldest_pending_age_s"], quota["remaining"]
    delivered = rates.delivered[-1] if rates.delivered else 0.0
    lines: list[list[tuple[str, str]]] = [
        [
            ("read", f"{rates.read:,.0f}/s"),
            ("delivered", f"{delivered:,.0f}/s"),
            ("requests", f"{rates.requests:,.1f}/s"),
            ("limited by", str(status["limited_by"])),
        ],
        [
            ("pending", f"{status['pending']:,} ({_memory(status)} of memory)"),
            ("oldest", "-" if oldest is None else duration(oldest)),
            ("behind", f"{status['records_left']:,}"),
            ("in flight", f"{status['in_flight']} of {status['slots']}"),
            ("latency", _latency(status.get("latency"))),
        ],
        [
            ("adds", f"{counters['delivered_adds']:,}"),
            ("removes", f"{counters['delivered_removes']:,}"),
            ("dead letters", f"{counters['dead_letters']:,}"),
            ("retries", f"{counters['retries']:,}"),
            ("quota", "-" if left is None else f"{left:,} of {quota['limit']:,}"),
        ],
    ]
    told = Text()
    for line in lines:
        told.append(Text("   ").join(Text.assemble((f"{n} ", "dim"), said) for n, said in line))
        told.append("\n")
    bars = sparkline(rates.delivered, max(1, width - 11))
    return told.append(Text.assemble(("delivered ", "dim"), (bars, "cyan")))


def _memory(status: Mapping[str, Any]) -> str:
    weight = status.get("pending_weight", status["pending"])  # An older daemon does not say it.
    return f"{weight / status['pending_limit']:.0%}"


def _latency(spread: Mapping[str, Any] | None) -> str:
    return "-" if spread is None else f"{spread['p50_s']:.1f} s, p99 {spread['p99_s']:.1f} s"


def _partitions(rows: Sequence[Mapping[str, Any]], count: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", border_style="dim")
    for name in ("partition", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("committed", "position", "lag", "pending", "waits"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            Text(f"{row['topic']}:{row['partition']}"),
            Text(row["state"], style=_STATES.get(row["state"], "")),
            *(_number(row[name]) for name in ("committed", "position", "lag", "pending")),
            "" if row["waiting_s"] is None else duration(row["waiting_s"]),
        )
    if count > len(rows):
        table.add_row(Text(f"and {count - len(rows):,} more", style="dim"))
    return table


def _cohorts(rows: Sequence[Mapping[str, Any]], count: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", border_style="dim")
    table.add_column("cohort", no_wrap=True, max_width=32)
    for name in ("pending", "oldest", "adds", "removes"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last answer", no_wrap=True)
    for row in rows:
        age = row["oldest_age_s"]
        table.add_row(
            Text(row["id"] if row["id"] == row["name"] else f"{row['id']} ({row['name']})"),
            *(_number(row["pending"]), "" if age is None else duration(age)),
            *(_number(row[name]) for name in ("delivered_adds", "delivered_removes")),
            Text(row["last_answer"], style=_answer_style(row["last_answer"])),
        )
    if count > len(rows):
        table.add_row(Text(f"and {count - len(rows):,} more", style="dim"))
    return table


def _answer_style(answer: str) -> str:
    return "" if answer.rpartition(" ")[2] in _FINE else "yellow"


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest values as bars, the largest of them the highest."""
    shown = list(values)[-width:]
    most = max(shown, default=0.0)
    if most <= 0:
        return _SPARK[0] * len(shown)
    return "".join(_SPARK[round(value / most * (len(_SPARK) - 1))] for value in shown)


def _worst_first(row: Mapping[str, Any]) -> tuple[bool, int, str, int]:
    return (row["state"] == "assigned", -(row["lag"] or 0), row["topic"], row["partition"])


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
