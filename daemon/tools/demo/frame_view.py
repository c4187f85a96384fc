"""Draws a frame with rich: the steps, three lines of numbers, the cohorts, the story so far."""

from __future__ import annotations

from math import ceil

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.tools.demo.frame import CohortFrame, Frame, Phase, seconds

WIDE = 110  # Narrower terminals do without some columns.
WIDTH_MAX = 118
BAR_WIDTH = 8
STORY_MAX = 8
_ROWS_BESIDE_STORY = 20

_GOOD_OUTCOME = "2"  # A 2xx answer; everything else is one of the faults.


def draw(frame: Frame, width: int, height: int) -> RenderableType:
    """Return the frame, for a terminal of this size."""
    wide = width >= WIDE
    rows = max(2, min(STORY_MAX, height - _ROWS_BESIDE_STORY))
    lines = Text("\n").join(
        Text.assemble((f"{at_s:6.1f} s  ", "dim"), Text.from_markup(text))
        for at_s, text in frame.story[-rows:]
    )
    body = Group(
        _steps(frame, wide=wide),
        Text(),
        _numbers(frame),
        _cohorts(frame, wide=wide),
        lines,
    )
    return Panel(
        body,
        title="[bold]cohortd demo[/]",
        subtitle="[dim]the real daemon · embedded Kafka · simulated Braze[/]",
        border_style="cyan",
        box=box.ROUNDED,
        padding=(0, 1),
        width=min(width, WIDTH_MAX),
    )


def _steps(frame: Frame, *, wide: bool) -> RenderableType:
    reached = len(Phase) if frame.over else list(Phase).index(frame.phase)
    steps = []
    for number, phase in enumerate(Phase):
        if number < reached:
            steps.append(Text(f"✔ {phase.value}", "green"))
        elif number == reached:
            style = "bold red" if phase is Phase.KILL else "bold cyan"
            steps.append(Text(f"▶ {phase.value}", style))
        else:
            steps.append(Text(f"· {phase.value}", "dim"))
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    of_the_day = " of the day" if wide else ""
    gap = Text("   " if wide else "  ")
    grid.add_row(gap.join(steps), Text.assemble((frame.clock, "bold"), (of_the_day, "dim")))
    return grid


def _numbers(frame: Frame) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold cyan", no_wrap=True)
    grid.add_column()
    lag = None if frame.read is None else max(0, frame.in_log - frame.read)
    grid.add_row(
        "Kafka",
        Text.assemble(
            *_count(frame.produced, "events produced"),
            *_count(frame.read, "read"),
            *_count(lag, "behind"),
        ),
    )
    alive = frame.pid is not None
    dead = not alive and frame.exit_code is None
    sentence = Text(frame.sentence, "bold red" if dead else "green")
    process = Text(f"process {frame.pid}   " if alive else "")
    grid.add_row("cohortd", process + sentence)
    grid.add_row(
        "Braze",
        Text.assemble(
            *_count(frame.requests, "requests"), *_count(frame.retries, "retries"), _faults(frame)
        ),
    )
    return grid


def _count(number: int | None, noun: str) -> tuple[tuple[str, str], ...]:
    shown = "-" if number is None else f"{number:,}"
    return ((shown, "bold"), (f" {noun}   ", "dim"))


def _faults(frame: Frame) -> Text:
    """Return how requests ended that did not end well, the most frequent first."""
    bad = [(o, n) for o, n in frame.outcomes.items() if not o.startswith(_GOOD_OUTCOME)]
    bad.sort(key=lambda outcome: (-outcome[1], outcome[0]))
    return Text("  ").join(Text(f"{outcome} x{count}", "yellow") for outcome, count in bad)


def _cohorts(frame: Frame, *, wide: bool) -> RenderableType:
    table = Table(
        box=box.SIMPLE_HEAD, expand=True, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold"
    )
    table.add_column("Cohort", no_wrap=True, ratio=1)
    if wide:
        table.add_column("In the log", justify="right", no_wrap=True)
    table.add_column("At Braze", justify="right", no_wrap=True)
    table.add_column("Differ", no_wrap=True, min_width=BAR_WIDTH + 4 if wide else 4)
    table.add_column("Pending", justify="right", no_wrap=True)
    table.add_column("Added", justify="right", style="green", no_wrap=True)
    table.add_column("Removed", justify="right", style="magenta", no_wrap=True)
    if wide:
        table.add_column("Requests", justify="right", no_wrap=True)
    table.add_column("p50", justify="right", no_wrap=True, min_width=6)
    table.add_column("p99", justify="right", no_wrap=True, min_width=6)
    for row in frame.cohorts:
        table.add_row(*_cells(row, wide=wide))
    return table


def _cells(row: CohortFrame, *, wide: bool) -> list[RenderableType]:
    cells: list[RenderableType] = [row.name]
    if wide:
        cells.append(f"{row.in_log:,}")
    cells += [
        f"{row.at_braze:,}",
        _differ(row, wide=wide),
        "-" if row.pending is None else f"{row.pending:,}",
        f"+{row.adds:,}",
        f"-{row.removes:,}",
    ]
    if wide:
        cells.append(f"{row.requests:,}")
    return [*cells, seconds(row.p50_s), seconds(row.p99_s)]


def _differ(row: CohortFrame, *, wide: bool) -> Text:
    if not row.differing:
        return Text("✔", "green")
    filled = min(BAR_WIDTH, ceil(BAR_WIDTH * row.differing / max(row.in_log, row.at_braze, 1)))
    bar = "█" * filled + "░" * (BAR_WIDTH - filled) + " " if wide else ""
    return Text.assemble((bar, "yellow"), (f"{row.differing:,}", "yellow"))
