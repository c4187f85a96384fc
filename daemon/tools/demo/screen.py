"""Where the demo shows how it goes: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from daemon.tools.demo.frame import Frame
from daemon.tools.demo.frame_view import draw

LINE_EVERY_S = 3.0
FRAMES_A_SECOND = 8


class Screen(Protocol):
    """What the demo tells its progress to."""

    def show(self, frame: Frame) -> None:
        """Take the newest frame; cheap, so it may be called often."""

    def close(self) -> None:
        """Show the last frame, and leave the terminal as it was. May be repeated."""


class LiveScreen:
    """One picture that is drawn over and over at its place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._frame: Frame | None = None
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=FRAMES_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, frame: Frame) -> None:
        """See `Screen`."""
        self._frame = frame

    def close(self) -> None:
        """See `Screen`."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        if self._frame is None:
            return Text("starting …")
        return draw(self._frame, self._console.width, self._console.height)


class PlainScreen:
    """A line every few seconds, and each line of the story at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due_s = 0.0
        self._told = 0

    def show(self, frame: Frame) -> None:
        """See `Screen`."""
        for at_s, text in frame.story[self._told :]:
            self._print(at_s, Text.from_markup(text).plain)
        self._told = len(frame.story)
        if frame.elapsed_s >= self._due_s:
            self._due_s = frame.elapsed_s + LINE_EVERY_S
            self._print(frame.elapsed_s, _numbers(frame))

    def close(self) -> None:
        """See `Screen`."""

    def _print(self, at_s: float, text: str) -> None:
        self._console.print(Text(f"{at_s:6.1f} s  {text}"), soft_wrap=True)


def _numbers(frame: Frame) -> str:
    read = "-" if frame.read is None else f"{frame.read:,}"
    return (
        f"{frame.phase.value}: {frame.produced:,} events produced, {read} read,"
        f" {frame.pending:,} pending, {frame.requests:,} requests, {frame.retries:,} retries;"
        f" the daemon: {frame.sentence}"
    )


def open_screen(console: Console) -> Screen:
    """Return what suits the place the output goes to."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)
