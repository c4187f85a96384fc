"""Giving partitions up: revoked with everything finished, or lost with nothing started (G6).

The order of the steps is not a matter of taste; the architecture says what each one prevents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from daemon.core.model import Partition
from daemon.core.outlook import earliest_s
from daemon.core.relay import Relay
from daemon.intake.committer import Committer
from daemon.intake.letters import Letters
from daemon.intake.ports import Ports
from daemon.logs import event, get_logger

# How long one wait for an outcome may be: acknowledged dead letters are looked for in between.
_STEP_S = 0.05

# An attempt on the wire ends by its own deadline; this is for the word of it to come over.
CONFIRM_S = 1.0


class Handover:
    """Finishes what touches partitions that leave; owns no state of its own."""

    def __init__(
        self,
        ports: Ports,
        relay: Relay,
        letters: Letters,
        committer: Committer,
        request_s: float,
    ) -> None:
        self.stop_by_s = math.inf  # The process stops by then, whatever is being handed over.
        self._line = ports.line
        self._clock = ports.clock
        self._beat = ports.beat
        self._outlook = ports.outlook
        self._relay = relay
        self._letters = letters
        self._committer = committer
        self._request_s = request_s
        self._log = get_logger()

    def finish_flushes(self) -> None:
        """Take what has ended."""
        self._wait(0.0)

    def renew_lease(self, partitions: Sequence[Partition]) -> None:
        """Have a lease to finish these on, where the commits of late were not taken.

        A broker refuses what is sent while it gathers the group, so a few rebalances in a row may
        outlast a lease. In a revocation it waits for us, with our generation, and takes a commit.
        """
        now_s = self._clock()
        if self._relay.pending and self._relay.lease.overdue(now_s):
            self._committer.renew(partitions, now_s)

    def revoke(self, partitions: Sequence[Partition], deadline_s: float) -> None:
        """Seal and finish what touches these, abandon the rest, commit, give them up.

        One request's length is left before the deadline for what is on the wire by then. What
        can't start before that is not waited for.
        """
        owned = [p for p in partitions if p in self._relay.tenures]
        while self._clock() < self._last_start_s(deadline_s) and self._finish(owned, deadline_s):
            self._wait(_STEP_S)
        self._abandon(owned, deadline_s)
        self._committer.commit_last(owned, self._clock())
        self._give_up(partitions)

    def lose(self, partitions: Sequence[Partition]) -> None:
        """Start nothing more for these and commit nothing: they may be another's already."""
        self._abandon(partitions, self._clock() + self._request_s + CONFIRM_S)
        self._give_up(partitions)

    def drop(self, partitions: Sequence[Partition]) -> None:
        """Give up at once what these held, because their log is gone; nobody takes them over.

        Their offset, as it stands, is committed once more: the brokers forgot it with the topic,
        and with the old topic's id in its mark it stops a successor too.
        """
        owned = [p for p in partitions if p in self._relay.tenures]
        touching = self._relay.flushes_touching(owned)
        if touching:
            self._log.warning(event.FLUSH_ABANDONED, flushes=len(touching))
            self._line.abandon(touching)
        self._committer.repeat(owned)
        self._give_up(owned)

    def _finish(self, partitions: Sequence[Partition], deadline_s: float) -> bool:
        """Hand over what may leave; tell whether anything of these is worth waiting for."""
        seen = None
        if self._outlook is not None:
            seen = self._outlook()
            self._wait(0.0)  # Whatever had ended by then.
        flushes = self._relay.seal_partitions(partitions, self._clock())
        self._line.submit(flushes)
        if not self._relay.flushes_touching(partitions) and not self._queued(partitions):
            return False
        if seen is None or seen.busy or flushes:
            return True
        earliest = earliest_s(self._relay, seen, self._clock())
        return earliest <= self._last_start_s(deadline_s)

    def _last_start_s(self, deadline_s: float) -> float:
        return self._by(deadline_s) - self._request_s - CONFIRM_S

    def _queued(self, partitions: Sequence[Partition]) -> bool:
        """Tell whether a window of theirs waits only for another flush of its cohort to end."""
        flying = {flush.cohort for flush in self._relay.in_flight.values()}
        tenures = self._relay.tenures
        wanted = {p for p in partitions if tenures[p].barrier_to is None}
        return any(
            window.cohort in flying and not wanted.isdisjoint(window.lanes)
            for window in self._relay.waiting()
        )

    def _abandon(self, partitions: Sequence[Partition], deadline_s: float) -> None:
        touching = self._relay.flushes_touching(partitions)
        if not touching:
            return
        self._log.warning(event.FLUSH_ABANDONED, flushes=len(touching))
        self._line.abandon(touching)
        while self._relay.flushes_touching(partitions) and self._clock() < self._by(deadline_s):
            self._wait(_STEP_S)

    def _by(self, deadline_s: float) -> float:
        return min(deadline_s, self.stop_by_s)

    def _give_up(self, partitions: Sequence[Partition]) -> None:
        for partition in partitions:
            self._relay.give_up(partition)
            self._committer.forget(partition)

    def _wait(self, timeout_s: float) -> None:
        self._beat()
        for outcome in self._line.outcomes(timeout_s):
            flush = self._relay.in_flight[outcome.flush_id]
            self._letters.complete(flush, outcome, self._clock())
        self._letters.turn(self._clock())
