"""Draws the comparison: the table the demo ends with, and its last line."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemon.tools.demo.comparison import CohortRow, Comparison
from daemon.tools.demo.frame_view import WIDTH_MAX


def draw_result(comparison: Comparison, width: int) -> RenderableType:
    """Return the table, and under it what holds for all cohorts together."""
    table = Table(
        title="[bold]Braze, compared with the fold of the log[/]",
        title_justify="left",
        title_style="",
        box=box.ROUNDED,
        border_style="cyan",
        header_style="bold",
        width=min(width, WIDTH_MAX),
        show_footer=True,
    )
    rows = comparison.rows
    total = sum(row.expected for row in rows), sum(row.found for row in rows)
    wrong = sum(len(row.missing) for row in rows), sum(len(row.extra) for row in rows)
    table.add_column("Cohort", "all", ratio=1, no_wrap=True)
    table.add_column("Name at Braze", ratio=1)
    for title, sum_ in zip(
        ("Expected", "At Braze", "Missing", "Extra"), (*total, *wrong), strict=True
    ):
        table.add_column(title, f"{sum_:,}", justify="right", no_wrap=True)
    table.add_column("", _mark(equal=comparison.equal))
    for row in rows:
        table.add_row(*_cells(row))
    return Group(table, Text("\n").join(_remarks(comparison)))


def _cells(row: CohortRow) -> list[RenderableType]:
    wrong = row.name != row.name_expected
    name = Text(row.name or "none", "red" if wrong else "")
    return [
        row.id,
        name,
        f"{row.expected:,}",
        f"{row.found:,}",
        Text(f"{len(row.missing):,}", "bold red" if row.missing else "green"),
        Text(f"{len(row.extra):,}", "bold red" if row.extra else "green"),
        _mark(equal=row.equal),
    ]


def _mark(*, equal: bool) -> Text:
    return Text("✔", "green") if equal else Text("✘", "bold red")


def _remarks(comparison: Comparison) -> list[Text]:
    violations = sum(comparison.violations.values())
    names = ", ".join(name.replace("_", " ") for name in comparison.violations)
    return [
        Text.assemble(
            "  ",
            _mark(equal=not comparison.dead_letters_wrong),
            f" {comparison.dead_letters_expected} broken records,"
            f" {comparison.dead_letters_found} of them in the dead-letter topic",
        ),
        Text.assemble(
            "  ",
            _mark(equal=not violations),
            f" {violations} requests that break Braze's contract",
            (f" ({names})", "dim"),
        ),
    ]


def print_verdict(console: Console, comparison: Comparison, remarks: Sequence[str]) -> None:
    """Print the table, what else is to be said, each difference, and the last line."""
    console.print()
    console.print(draw_result(comparison, console.width))
    for line in remarks:
        console.print(Text.assemble(("  · ", "dim"), line))
    console.print()
    failures = comparison.failures()
    for line in failures:
        console.print(Text(line, "red"), soft_wrap=True)
    if failures:
        console.print(Text("NOT EQUAL: Braze and the log differ, as said above.", "bold red"))
        return
    members = sum(row.expected for row in comparison.rows)
    said = f"EQUAL: all {members:,} members of {len(comparison.rows)} cohorts are at Braze as the"
    console.print(Text(f"{said} log says.", "bold green"), soft_wrap=True)
