"""The demo, act by act: stream, kill, restart, catch up, stop, compare.

It decides what happens when; what is seen of it is drawn elsewhere, and whether it went well is
decided by `comparison`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from daemon.errors import CohortdError
from daemon.tools.demo.comparison import Comparison, Found, compare
from daemon.tools.demo.day import generate
from daemon.tools.demo.feed import Feed
from daemon.tools.demo.files import DEAD_LETTERS, GRACE_S, INPUT
from daemon.tools.demo.fold import fold
from daemon.tools.demo.frame import Phase, seconds
from daemon.tools.demo.observer import Observer
from daemon.tools.demo.options import DemoOptions
from daemon.tools.demo.screen import Screen
from daemon.tools.demo.stage import Stage
from daemon.tools.demo.tally import Tally, percentile

KILL_AT = 0.35  # As shares of the day.
HOLD_AT = 0.8  # What comes after it is produced when the daemon is back.
DEAD_FOR_S = 1.0

TICK_S = 0.02
START_S = 40.0
TAKE_OVER_S = 60.0
CATCH_UP_S = 120.0
ON_WIRE_S = 5.0
STOP_MARGIN_S = 5.0


class DemoFailedError(CohortdError):
    """Something did not happen that had to; the daemon's log may say why."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the demo came to."""

    comparison: Comparison
    remarks: tuple[str, ...]


class Play:
    """One performance on a stage."""

    def __init__(self, options: DemoOptions, stage: Stage, screen: Screen) -> None:
        self._options = options
        self._stage = stage
        tally = Tally()
        day = generate(options.seed, options.changes)
        self._feed = Feed(day, options.seconds, stage.kafka, tally)
        self._tally = tally
        self.observer = Observer(stage, self._feed, tally, screen)
        self._remarks: list[str] = []
        self._on_wire = 0
        self._ticked_s = time.monotonic()

    def run(self) -> Ending:
        """Play it all; raise DemoFailedError where it can't go on."""
        self._start()
        self._stream()
        self._kill()
        self._restart()
        self._catch_up()
        self._stop()
        return self._compare()

    # The acts.

    def _start(self) -> None:
        self._enter(Phase.START)
        stage = self._stage
        self._feed.midnight()
        stage.kafka.flush()
        self._say(
            f"{stage.kafka.produced:,} members of last night are in the log,"
            f" in {stage.partitions} partitions"
        )
        pid = stage.daemon.start()
        self._say(f"cohortd started: process {pid}")
        self._wait("the daemon has joined the consumer group", self._serving, START_S)

    def _stream(self) -> None:
        self._enter(Phase.STREAM)
        faults = ", while Braze fails in many ways" if self._options.faults else ""
        self._say(f"the day begins{faults}")
        self._tally.steady = True
        self._day_until(lambda: self._feed.share >= KILL_AT)
        # A crash is worth most while something is on the wire.
        until_s = time.monotonic() + ON_WIRE_S
        self._day_until(lambda: self._find_on_wire() or time.monotonic() > until_s)

    def _kill(self) -> None:
        daemon, on_wire = self._stage.daemon, self._on_wire
        pid = daemon.pid
        daemon.kill()
        self._tally.interrupt()
        self.observer.daemon_gone()
        self._enter(Phase.KILL)
        wire = f"{on_wire} request{'' if on_wire == 1 else 's'} on the wire"
        self._say(f"[bold red]SIGKILL[/] to process {pid}, with {wire}; events go on")
        self._remarks.append(f"killed once with SIGKILL, with {wire}")
        until_s = time.monotonic() + DEAD_FOR_S
        self._day_until(lambda: time.monotonic() > until_s)

    def _restart(self) -> None:
        self._enter(Phase.RESTART)
        self._feed.limit = HOLD_AT
        started_s = time.monotonic()
        pid = self._stage.daemon.start()
        self._say(f"cohortd started again: process {pid}; Kafka gives up the dead one in a while")
        self._wait("the daemon has taken over its partitions", self._serving, TAKE_OVER_S, day=True)
        took_s = time.monotonic() - started_s
        self._say(f"[green]taken over[/] after {took_s:.1f} s; the evening begins")
        self._remarks.append(f"taken over {took_s:.1f} s after the restart")

    def _catch_up(self) -> None:
        self._enter(Phase.CATCH_UP)
        self._feed.limit = 1.0
        self._tally.steady = True
        self._day_until(lambda: self._feed.over)
        self._stage.kafka.flush()
        self._say(f"the day is over: {self._stage.kafka.produced:,} events are in the log")
        self._wait("everything is delivered and committed", self._delivered, CATCH_UP_S)
        self._say("everything is delivered and committed")

    def _stop(self) -> None:
        self._enter(Phase.STOP)
        self.observer.daemon_gone()
        began_s = time.monotonic()
        code = self._stage.daemon.stop(GRACE_S + STOP_MARGIN_S)
        took_s = time.monotonic() - began_s
        if code is None:
            raise DemoFailedError(f"the daemon had not ended {took_s:.0f} s after SIGTERM")
        if code != 0:
            raise DemoFailedError(f"the daemon ended with exit code {code} after SIGTERM, not 0")
        self.observer.exit_code = code
        self._say(f"SIGTERM: ended after {took_s:.1f} s with exit code 0")
        self._remarks.append(f"stopped with SIGTERM in {took_s:.1f} s, exit code 0")
        self._wait("what Braze does late is done", self._nothing_late, START_S)

    def _compare(self) -> Ending:
        self._enter(Phase.COMPARE)
        stage = self._stage
        log = fold(stage.kafka.read(INPUT))
        if self._options.tamper:
            self._tamper()
        comparison = compare(
            log,
            Found(
                members=stage.braze.cohorts(),
                names=stage.braze.names(),
                dead_letters=stage.kafka.read_origins(DEAD_LETTERS),
                violations=stage.braze.stats()["violations"],
            ),
        )
        self.observer.over = True
        self._say("compared" if comparison.equal else "[bold red]compared: not equal[/]")
        return Ending(comparison, (*self._remarks, *self._sums(log.records)))

    def _tamper(self) -> None:
        cohorts = self._stage.braze.cohorts()
        cohort = min(each for each, members in cohorts.items() if members)
        member = min(cohorts[cohort], key=str)
        self._stage.braze.tamper(cohort, remove=[member])
        self._say(f"[yellow]--tamper[/]: one member of {cohort} was taken out at Braze")

    def _sums(self, records: int) -> tuple[str, ...]:
        latencies = self._tally.steady_s
        p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
        crash = f"; across the crash at most {seconds(self._tally.worst_s)}"
        return (
            f"{records:,} events became {self._tally.requests:,} requests",
            f"from event to Braze: p50 {seconds(p50)}, p99 {seconds(p99)}{crash}",
        )

    # What they are made of.

    def _enter(self, phase: Phase) -> None:
        self.observer.phase = phase
        self.observer.look()

    def _say(self, text: str) -> None:
        self.observer.say(text)

    def _wait(
        self, what: str, holds: Callable[[], bool], timeout_s: float, *, day: bool = False
    ) -> None:
        """Return when it holds; the day passes meanwhile where it shall."""
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline_s:
                said = self._stage.status.state.summary or "nothing"
                raise DemoFailedError(f"not within {timeout_s:.0f} s: {what}; it says: {said}")
            self._tick(day=day)

    def _day_until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._tick(day=True)

    def _tick(self, *, day: bool) -> None:
        time.sleep(TICK_S)
        now_s = time.monotonic()
        passed_s, self._ticked_s = now_s - self._ticked_s, now_s
        if day:
            self._feed.advance(passed_s)
        code = self._stage.daemon.ended()
        if code is not None:
            raise DemoFailedError(f"the daemon ended by itself, with exit code {code}")
        self.observer.look()

    def _serving(self) -> bool:
        return self._stage.status.state.serving == self._stage.partitions

    def _delivered(self) -> bool:
        ends = {at: end for at, end in self._stage.kafka.ends.items() if at[0] == INPUT}
        return self._stage.status.state.delivered(ends)

    def _find_on_wire(self) -> bool:
        self._on_wire = int(self._stage.braze.stats()["in_flight"])
        return self._on_wire > 0

    def _nothing_late(self) -> bool:
        return not self._stage.braze.stats()["late"]
