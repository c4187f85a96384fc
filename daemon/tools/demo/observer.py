"""Looks at the stage a few times a second and makes a frame of what it sees."""

from __future__ import annotations

import time

from daemon.tools.demo.feed import Feed
from daemon.tools.demo.files import INPUT
from daemon.tools.demo.frame import CohortFrame, Frame, Phase
from daemon.tools.demo.screen import Screen
from daemon.tools.demo.stage import Stage
from daemon.tools.demo.tally import CohortTally, Tally

LOOK_EVERY_S = 0.1


class Observer:
    """Keeps the story and the newest frame, and shows them."""

    def __init__(self, stage: Stage, feed: Feed, tally: Tally, screen: Screen) -> None:
        self._stage = stage
        self._feed = feed
        self._tally = tally
        self._screen = screen
        self._began_s = time.monotonic()
        self._looked_s = 0.0
        self._story: list[tuple[float, str]] = []
        self._retries_before = 0  # Of the processes that are gone.
        self._retries = 0
        self._positions: dict[tuple[str, int], int] = {}  # The furthest that was ever read.
        self.phase = Phase.START
        self.over = False
        self.exit_code: int | None = None  # Of the daemon, once it was stopped.
        self.frame: Frame | None = None

    def say(self, text: str) -> None:
        """Add a line to the story, in rich's markup."""
        self._story.append((time.monotonic() - self._began_s, text))
        self._show()

    def daemon_gone(self) -> None:
        """Keep the counts of a process that is no more."""
        self._retries_before += self._retries
        self._retries = 0

    def look(self) -> None:
        """Show how it stands, unless that was done a moment ago."""
        if time.monotonic() - self._looked_s >= LOOK_EVERY_S:
            self._show()

    def _show(self) -> None:
        self._looked_s = time.monotonic()
        braze, tally = self._stage.braze, self._tally
        tally.take_applied(braze.history(tally.next_applied))
        tally.take_seen(braze.seen(tally.next_seen))
        self.frame = self._picture()
        self._screen.show(self.frame)

    def _picture(self) -> Frame:
        stage, feed, state = self._stage, self._feed, self._stage.status.state
        if stage.daemon.pid is not None and state.answered:
            self._retries = state.retries
        for at, position in state.positions.items():
            self._positions[at] = max(position, self._positions.get(at, 0))
        return Frame(
            phase=self.phase,
            over=self.over,
            elapsed_s=time.monotonic() - self._began_s,
            day=feed.share,
            produced=stage.kafka.produced,
            in_log=sum(end for (topic, _), end in stage.kafka.ends.items() if topic == INPUT),
            read=sum(self._positions.values()) if self._positions else None,
            requests=self._tally.requests,
            retries=self._retries_before + self._retries,
            pid=stage.daemon.pid,
            summary=state.summary,
            exit_code=self.exit_code,
            outcomes=dict(self._tally.outcomes),
            cohorts=self._rows(),
            story=tuple(self._story),
        )

    def _rows(self) -> tuple[CohortFrame, ...]:
        state, log, now_s = self._stage.status.state, self._feed.log, time.time()
        members, names = self._stage.braze.cohorts(), self._stage.braze.names()
        rows = []
        for cohort in sorted(log.members):
            tally = self._tally.cohorts.get(cohort) or CohortTally()
            at_braze = members.get(cohort, frozenset())
            rows.append(
                CohortFrame(
                    id=cohort,
                    name=names.get(cohort) or log.names[cohort],
                    in_log=len(log.members[cohort]),
                    at_braze=len(at_braze),
                    differing=len(log.members[cohort] ^ at_braze),
                    pending=state.pending_of.get(cohort, 0) if state.answered else None,
                    adds=tally.adds,
                    removes=tally.removes,
                    requests=tally.requests,
                    p50_s=tally.percentile(0.5, now_s),
                    p99_s=tally.percentile(0.99, now_s),
                )
            )
        return tuple(rows)
