"""Take the pictures of docs/images from a live run: the status page and `cohortd top`.

The demo's stage plays: the real daemon on the embedded Kafka and the simulator, while the demo's
day passes slowly. Chromium (Debian: chromium) looks at the page all the while, so its charts fill.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from daemon.tools.demo.day import generate
from daemon.tools.demo.faults import CALM
from daemon.tools.demo.feed import Feed
from daemon.tools.demo.options import EVENTS_MAX, DemoOptions
from daemon.tools.demo.picture import save_picture
from daemon.tools.demo.stage import Stage, open_stage
from daemon.tools.demo.tally import Tally
from daemon.tools.simulator.quota import LIMIT
from daemon.tools.top.command import Pace
from daemon.tools.top.status import Source
from daemon.tools.top.view import draw
from scripts.small_png import save_small
from tests.support.chromium import Chromium, Page, find_chromium

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BYTES_MAX = 200_000
TICK_S = 0.05
TOP_EVERY_S = 1.0
TOP_SIZE = (104, 34)
LOCKED = ("status=423,cohort=cart-abandoners",)
LOCKED_S = 8.0
MIDNIGHT_S = 14.0  # What is in the log before the day begins is delivered by then.
HICCUPS = ("status=503,rate=0.03", "delay=20ms,jitter=400ms,rate=0.1")
OTHERS_USED = 41_300  # What another tool of the same workspace has used of the hour.


class Run:
    """The day passes while `until` waits, and `top` looks on."""

    def __init__(self, stage: Stage, seconds: float, url: str) -> None:
        self._feed = Feed(generate(7, EVENTS_MAX), seconds, stage.kafka, Tally())
        self._source = Source(url)
        self._pace = Pace()
        self._asked_s = 0.0
        self._ticked_s = time.monotonic()

    def midnight(self) -> None:
        """Put into the log what is there before the day begins."""
        self._feed.midnight()

    def last(self, seconds: float) -> None:
        """Let so much time pass."""
        end_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end_s)

    def until(self, holds: Callable[[], object]) -> None:
        """Let time pass until this holds."""
        while not holds():
            time.sleep(TICK_S)
            now_s = time.monotonic()
            passed_s, self._ticked_s = now_s - self._ticked_s, now_s
            self._feed.advance(passed_s)
            if now_s - self._asked_s >= TOP_EVERY_S:
                self._asked_s = now_s
                self.status = self._source.ask()
                self.rates = self._pace.take(self.status)

    def save_top(self) -> None:
        """Save what `cohortd top` shows now."""
        width, height = TOP_SIZE

        def show(console: Console) -> None:
            console.print(draw(self.status, self.rates, width, height))

        save_picture(IMAGES / "top.svg", "cohortd top", show, width=width)


@contextmanager
def live(seconds: float) -> Iterator[tuple[Stage, Run, str]]:
    """Start everything, and end it."""
    with open_stage(DemoOptions()) as stage:
        left, now_s = LIMIT - OTHERS_USED, time.time()
        stage.braze.call(lambda braze: braze.quota.set(now_s, remaining=left))
        stage.braze.set_faults(*HICCUPS, *CALM)
        stage.daemon.start()
        while (port := stage.daemon.admin_port()) is None:
            time.sleep(TICK_S)
        url = f"http://127.0.0.1:{port}/"
        run = Run(stage, seconds, url)
        run.midnight()
        yield stage, run, url


def main() -> int:
    """Take all pictures; return 0 when each is there and small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=200, help="how long the charts fill")
    seconds = parser.parse_args().seconds
    program = find_chromium()
    if program is None:
        print("Chromium is not installed (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cohortd-screenshots-") as profile:
        take(program, Path(profile), seconds)
    found = sorted([*IMAGES.glob("status-*.png"), IMAGES / "top.svg"])
    for path in found:
        print(f"{path.relative_to(IMAGES.parents[1])}: {path.stat().st_size:,} bytes")
    return int(any(path.stat().st_size > BYTES_MAX for path in found))


def take(program: str, profile: Path, seconds: int) -> None:
    """Let the day pass, and take a picture of each kind."""
    with Chromium(program, profile) as chromium, live(seconds) as (stage, run, url):
        run.last(MIDNIGHT_S)
        light = chromium.open(url, width=1280, scale=1.5)
        dark = chromium.open(url, width=1280, scale=1.5, dark=True)
        phone = chromium.open(url, width=390, height=844, scale=2, phone=True)
        run.last(seconds * 0.8)
        whole(light, "light")
        phone.picture(picture("phone"))
        run.save_top()
        stage.braze.set_faults(*LOCKED, *HICCUPS, *CALM)
        run.until(lambda: dark.evaluate("document.querySelectorAll('#waits li').length"))
        run.last(LOCKED_S)
        whole(dark, "dark", dark=True)
        for name in ("light", "dark", "phone"):  # Takes some seconds, in which no day passes.
            save_small(chromium, picture(name))


def whole(page: Page, name: str, *, dark: bool = False) -> None:
    """Save a page from its head to its foot."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.look(width=1280, height=height, scale=1.5, dark=dark)
    page.picture(picture(name))


def picture(name: str) -> Path:
    """Return where a picture of the page goes."""
    return IMAGES / f"status-{name}.png"


if __name__ == "__main__":
    sys.exit(main())
