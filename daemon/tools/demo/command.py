"""`cohortd demo`: sets the stage, plays, shows the result, and ends everything it started."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from daemon.errors import CohortdError
from daemon.tools.demo.frame import Frame
from daemon.tools.demo.frame_view import draw
from daemon.tools.demo.options import DemoOptions
from daemon.tools.demo.picture import save_picture
from daemon.tools.demo.play import Ending, Play
from daemon.tools.demo.result_view import print_verdict
from daemon.tools.demo.screen import open_screen
from daemon.tools.demo.stage import Stage, open_stage

EXIT_FAILED = 1
PLAIN_WIDTH = 100


def run(options: DemoOptions) -> int:
    """Play the demo; return 0 only when Braze has exactly what the log says."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    try:
        with _terminated(), open_stage(options) as stage:
            return _play(options, stage, console)
    except KeyboardInterrupt:
        console.print("interrupted; the daemon was ended, nothing is left behind")
        return EXIT_FAILED


def _play(options: DemoOptions, stage: Stage, console: Console) -> int:
    screen = open_screen(console)
    try:
        play = Play(options, stage, screen)
        ending = play.run()
    except CohortdError as failure:
        screen.close()
        _explain(console, stage, failure)
        return EXIT_FAILED
    finally:
        screen.close()
    print_verdict(console, ending.comparison, ending.remarks)
    if options.record is not None:
        _record(options.record, options, play.observer.frame, ending)
    return 0 if ending.comparison.equal else EXIT_FAILED


def _record(path: Path, options: DemoOptions, frame: Frame | None, ending: Ending) -> None:
    def show(console: Console) -> None:
        if frame is not None:
            console.print(draw(frame, console.width, console.height))
        print_verdict(console, ending.comparison, ending.remarks)

    said = [name for name in ("faults", "tamper") if getattr(options, name)]
    save_picture(path, " ".join(["cohortd demo", *(f"--{name}" for name in said)]), show)


def _explain(console: Console, stage: Stage, failure: CohortdError) -> None:
    """Say what failed, with the last lines of the daemon's log."""
    tail = stage.daemon.tail()
    if tail:
        console.print(Text("The last lines of the daemon's log:", "bold"))
    for line in tail:
        console.print(Text(f"  {line}", "dim"), soft_wrap=True)
    console.print(Text(f"FAILED: {failure}", "bold red"), soft_wrap=True)


@contextmanager
def _terminated() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demo as an exception does: in good order."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise SystemExit(EXIT_FAILED)

    if threading.current_thread() is not threading.main_thread():
        yield  # Python takes signals on the main thread only.
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
