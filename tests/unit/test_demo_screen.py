from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from daemon.tools.demo.comparison import CohortRow, Comparison
from daemon.tools.demo.frame import CohortFrame, Frame, Phase, seconds
from daemon.tools.demo.frame_view import draw
from daemon.tools.demo.picture import save_picture
from daemon.tools.demo.result_view import print_verdict
from daemon.tools.demo.screen import LiveScreen, PlainScreen, open_screen

FRAME = Frame(
    phase=Phase.RESTART,
    elapsed_s=12.0,
    day=0.5,
    produced=4_000,
    in_log=3_900,
    read=3_000,
    requests=55,
    retries=7,
    pid=4711,
    summary="Joining the consumer group.",
    outcomes={"201": 48, "503": 5, "dropped": 2},
    cohorts=(CohortFrame("vip", "VIP customers", 200, 150, 50, 12, 160, 10, 9, 0.7, 1.9),),
    story=((1.0, "cohortd started"), (9.0, "[bold red]SIGKILL[/] to process 4711")),
)
ROW = CohortRow("vip", "VIP customers", "VIP customers", 200, 200)
EQUAL = Comparison((ROW,), 3, 3, (), {"both_lists": 0})
UNEQUAL = replace(EQUAL, rows=(replace(ROW, found=199, missing=("u1",)),))


def _console(width: int = 118) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, height=40, highlight=False, color_system=None), out


def _drawn(frame: Frame, width: int, height: int = 40) -> str:
    console, out = _console(width)
    console.print(draw(frame, width, height))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 118])
def test_a_frame_shows_what_matters_on_any_width(width: int) -> None:
    text = _drawn(FRAME, width)

    for part in (
        "▶ restart",
        "· compare",
        "12:00",
        "4,000 events produced",
        "900 behind",
        "Joining the consumer group.",
        "7 retries",
        "503 x5",
        "VIP customers",
        "50",
        "+160",
        "-10",
        "1.9 s",
        "SIGKILL to process 4711",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= width


def test_a_frame_fits_into_the_smallest_usual_terminal() -> None:
    cohorts = FRAME.cohorts * 8
    story = FRAME.story * 8

    text = _drawn(replace(FRAME, cohorts=cohorts, story=story), 80, 24)

    assert len(text.splitlines()) <= 23


def test_a_dead_daemon_is_said_to_be_dead() -> None:
    text = _drawn(replace(FRAME, pid=None, summary=""), 118)

    assert "Dead." in text


def test_when_all_is_over_every_phase_is_done() -> None:
    text = _drawn(replace(FRAME, phase=Phase.COMPARE, over=True), 118)

    assert text.count("✔") >= len(Phase)


def test_without_a_terminal_lines_are_printed_now_and_then() -> None:
    console, out = _console()
    screen = PlainScreen(console)

    for elapsed_s in (0.0, 0.1, 0.2, 5.0):
        screen.show(replace(FRAME, elapsed_s=elapsed_s))

    lines = out.getvalue().splitlines()
    assert [line.split("  ")[-1][:7] for line in lines] == [
        "cohortd",
        "SIGKILL",
        "restart",
        "restart",
    ]
    assert "\x1b" not in out.getvalue()


def test_only_a_terminal_gets_the_live_picture() -> None:
    console, _ = _console()
    terminal = Console(file=io.StringIO(), force_terminal=True)

    assert isinstance(open_screen(console), PlainScreen)
    live = open_screen(terminal)
    live.close()
    assert isinstance(live, LiveScreen)


def test_the_last_line_says_equal() -> None:
    console, out = _console()

    print_verdict(console, EQUAL, ["killed once"])

    assert "killed once" in out.getvalue()
    assert out.getvalue().splitlines()[-1].startswith("EQUAL: all 200 members of 1 cohorts")


def test_a_difference_is_named_before_the_last_line() -> None:
    console, out = _console(60)

    print_verdict(console, UNEQUAL, [])

    *_, difference, last = out.getvalue().splitlines()
    assert difference == "cohort vip: user u1 is missing at Braze"
    assert last.startswith("NOT EQUAL")


def test_the_picture_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "images" / "demo.svg"

    save_picture(path, "cohortd demo", lambda console: console.print(draw(FRAME, 118, 40)))

    text = path.read_text()
    assert "cohortd" in text
    assert "url(http" not in text
    assert text.rstrip().endswith("</svg>")


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.0123, "12 ms"), (2.25, "2.2 s")])
def test_a_latency_reads_well(value: float | None, text: str) -> None:
    assert seconds(value) == text
