"""What is seen of the intake: gauges, the view for the status page, and whether it stands still."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from daemon.core.model import Lane, Partition
from daemon.core.relay import Relay
from daemon.core.tenure import Tenure
from daemon.core.window import OpenLane
from daemon.errors import CohortdError
from daemon.intake.headroom import Headroom
from daemon.intake.loop import Intake
from daemon.intake.ports import Ports
from daemon.logs import event, get_logger
from daemon.metrics import PartitionGauges
from daemon.status import IntakeView, Membership, PartitionState, PartitionView

# How often the picture is drawn anew; the cost of drawing grows with the cohorts pending.
PICTURE_EVERY_S = 1.0

# A frontier that stands still this long, behind the end of the log and for no declared reason,
# ends the process: never alive but stuck (G10).
STUCK_AFTER_S = 60.0


class WatchRules(msgspec.Struct, frozen=True):
    """What is normal for this configuration.

    `overdue_s` is the oldest that a change may get with nothing in its way: a window's age, then
    the wait for an earlier attempt that may still be applied, then an attempt.
    """

    pending_max: int
    overdue_s: float


def count_changes(relay: Relay) -> int:
    """Return how many changes wait and are in flight: what people count, and not their weight."""
    waiting = sum(window.members for window in relay.waiting())
    in_flight = sum(len(flush.changes) for flush in relay.in_flight.values())
    return waiting + in_flight + len(relay.delayed)


class IntakeWatch:
    """Looks at the intake from its own thread, a few times a second."""

    def __init__(
        self, intake: Intake, ports: Ports, unix_clock: Callable[[], float], rules: WatchRules
    ) -> None:
        self.pending_of_cohorts: dict[str, tuple[int, float]] = {}
        self.client_trouble = ""  # What the Kafka client last complained of, until it works again.
        self._intake = intake
        self._consumer = ports.consumer
        self._metrics = ports.metrics
        self._surveys = ports.surveys
        self._headroom = Headroom(intake.committer.ages)
        self._unix_clock = unix_clock
        self._rules = rules
        self._log = get_logger()
        self._pending_of: Counter[Partition] = Counter()
        self._settling: list[tuple[float, str]] = []  # Until when, and whose changes.
        self._drawn_s = -math.inf
        self._frontier: object = None
        self._moved_s = -math.inf
        ports.metrics.pending_changes_limit.set(rules.pending_max)

    def took(self, seconds: float) -> None:
        """Note how long a turn of the intake took, its wait for records included."""
        self._metrics.intake_turn.observe(seconds)

    def turn(self, now_s: float, *, held_elsewhere: bool) -> IntakeView | None:
        """Return a new picture when it is time for one.

        Raise `CohortdError` when nothing has moved for too long although nothing is in the way;
        `held_elsewhere` says that the sending side has a declared reason to wait.
        """
        if now_s - self._drawn_s < PICTURE_EVERY_S:
            return None
        self._drawn_s = now_s
        view = self._draw(now_s)
        self._check_moving(view, now_s, held_elsewhere=held_elsewhere)
        return view

    # The picture.

    def _draw(self, now_s: float) -> IntakeView:
        relay, ownership = self._intake.relay, self._intake.ownership
        letters = self._intake.letters.acknowledged
        self._count_pending(now_s)
        paused = self._intake.paused()
        rows = tuple(
            self._row(partition, now_s, paused=paused.get(partition, False))
            for partition in sorted(ownership.assigned)
        )
        holds = self._holds(now_s)
        membership: Membership = "assigned" if ownership.assigned else "standing_by"
        if not ownership.joined:
            membership = "joining"
        view = IntakeView(
            membership=membership,
            partitions=rows,
            pending=count_changes(relay),
            pending_weight=relay.pending,
            pending_limit=self._rules.pending_max,
            oldest_pending_age_s=max(
                (age_s for _, age_s in self.pending_of_cohorts.values()), default=None
            ),
            saturated=relay.saturated or bool(relay.crowding),
            draining=self._intake.draining,
            consumed=self._intake.consumed,
            rejected=self._intake.rejected,
            dead_letters=letters.total(),
            dead_letters_by_reason=dict(letters),
            last_poll_unix_s=self._unix_clock(),
            holds=holds,
        )
        self._publish(view)
        self._publish_partitions(view, paused, now_s)
        return view

    def _count_pending(self, now_s: float) -> None:
        pending: dict[str, tuple[int, float]] = {}
        relay = self._intake.relay
        windows = ((w.cohort, w.members, w.opened_at_s) for w in relay.waiting())
        flights = ((f.cohort, len(f.changes), f.opened_at_s) for f in relay.in_flight.values())
        for cohort, members, opened_at_s in itertools.chain(windows, flights):
            count, age_s = pending.get(cohort, (0, 0.0))
            pending[cohort] = (count + members, max(age_s, now_s - opened_at_s))
        self.pending_of_cohorts = pending  # Replaced whole: the other thread reads it.
        self._pending_of, self._settling = Counter(), []
        for window in relay.waiting():
            if window.held_until_s > now_s:
                self._settling.append((window.held_until_s, window.cohort))
            self._count_lanes(window.lanes.values())
        for flush in relay.in_flight.values():
            self._count_lanes(flush.lanes)

    def _count_lanes(self, lanes: Iterable[OpenLane | Lane]) -> None:
        for lane in lanes:
            self._pending_of[lane.partition] += len(lane.changes)

    def _row(self, partition: Partition, now_s: float, *, paused: bool) -> PartitionView:
        end = self._consumer.end_offset(partition)
        tenure = self._intake.relay.tenures.get(partition)
        parked = partition in self._intake.ownership.standing.stopped()
        if tenure is None:
            state: PartitionState = "parked" if parked else "waiting"
            return PartitionView(*partition, state, end_offset=end)
        waits_s = tenure.wait_until_s - now_s
        barrier = tenure.barrier_to
        return PartitionView(
            *partition,
            _state(tenure, parked=parked, paused=paused, waits=waits_s > 0),
            position=tenure.position,
            committed=self._intake.committer.committed.get(partition),
            end_offset=end,
            lag=None if end is None else max(0, end - tenure.position),
            barrier_to=None if barrier is None or math.isinf(barrier) else int(barrier),
            waiting_s=waits_s if waits_s > 0 else None,
            pending=self._pending_of[partition],
        )

    def _holds(self, now_s: float) -> dict[str, str]:
        """Return why partitions wait, each reason with a detail."""
        standing = self._intake.ownership.standing
        tenures = self._intake.relay.tenures
        holds: dict[str, str] = {}
        for reason, group in (
            ("foreign_group", standing.foreign),
            ("parked", standing.parked),
            ("kafka", standing.unstarted),
        ):
            if group:
                partition, why = next(iter(group.items()))
                holds[reason] = f"{partition}: {why}"
        if self.client_trouble:
            holds["kafka"] = self.client_trouble
        trouble = self._intake.letters.trouble or next(
            iter(self._intake.ratio_exceeded.values()), None
        )
        if trouble:
            holds["dead_letter"] = trouble
        if self._intake.schemas.trouble:
            holds["registry"] = self._intake.schemas.trouble
        barred = [p for p, tenure in tenures.items() if tenure.barrier_to is not None]
        if barred:
            more = f" and {len(barred) - 1} more" if len(barred) > 1 else ""
            holds["barrier"] = f"{barred[0]}{more}"
        waits_s = max((t.wait_until_s - now_s for t in tenures.values()), default=0.0)
        if waits_s > 0:
            holds["wait"] = f"for {waits_s:.0f} s"
        if self._settling:
            until_s, cohort = max(self._settling)
            more = f" and {len(self._settling) - 1} more" if len(self._settling) > 1 else ""
            holds["settle"] = f"{cohort}{more} for {until_s - now_s:.0f} s"
        if tenures and not self._intake.relay.lease.fresh(now_s):
            holds["lease"] = self._intake.session.trouble
        return holds

    def _publish_partitions(
        self, view: IntakeView, paused: Mapping[Partition, bool], now_s: float
    ) -> None:
        states = Counter(assigned=len(view.partitions))  # Whatever else they are.
        gauges = []
        unix_s = self._unix_clock()
        self._surveys.own(frozenset(paused))
        self._headroom.follow(self._surveys.latest, paused.keys())
        for row in view.partitions:
            if row.state != "assigned":
                states["replaying" if row.state == "waiting" else row.state] += 1
            partition = Partition(row.topic, row.partition)
            # Of a paused one no end is heard.
            if row.lag == 0 and row.position is not None and not paused[partition]:
                self._intake.committer.ages.reached_end(partition, row.position, unix_s, now_s)
            seen = self._headroom.of(partition, row.committed, now_s, unix_s)
            gauges.append(PartitionGauges(partition, row.lag, row.committed, *seen))
        self._metrics.publish_partitions(gauges, states)

    def _publish(self, view: IntakeView) -> None:
        metrics = self._metrics
        pending = self.pending_of_cohorts
        metrics.publish_cohorts(
            {cohort: count for cohort, (count, _) in pending.items()},
            {cohort: age_s for cohort, (_, age_s) in pending.items()},
        )
        saturated = ["saturated"] if view.saturated else []
        metrics.publish_blocked("intake", [*view.holds, *saturated])
        metrics.removals_delayed.set(len(self._intake.relay.delayed))
        metrics.last_poll.set(view.last_poll_unix_s or 0.0)

    # Standing still.

    def _check_moving(self, view: IntakeView, now_s: float, *, held_elsewhere: bool) -> None:
        frontier = [(row.position, row.committed) for row in view.partitions]
        overdue = (view.oldest_pending_age_s or 0.0) > self._rules.overdue_s
        if "settle" in view.holds:  # It keeps changes from leaving, and nobody from reading on.
            overdue = False
        behind = overdue or any(self._is_behind(row) for row in view.partitions)
        holds = view.holds.keys() - {"settle"}
        declared = bool(holds) or view.saturated or held_elsewhere or view.draining
        moved = (frontier, view.consumed) != self._frontier
        self._frontier = (frontier, view.consumed)
        if moved or declared or not behind:
            self._moved_s = now_s
        elif now_s - self._moved_s >= STUCK_AFTER_S:
            self._log.critical(event.FRONTIER_STUCK, partitions=len(view.partitions))
            raise CohortdError(
                f"nothing has moved for {STUCK_AFTER_S:.0f} s although nothing is in the way;"
                " ending, so that another process begins anew"
            )

    def _is_behind(self, row: PartitionView) -> bool:
        """Tell whether there is more to read.

        Records of a transaction that is open are in the log, and nobody may read them yet: the
        client tells the end of what may be read.
        """
        told_end = self._intake.ends.get(Partition(row.topic, row.partition))
        return bool(row.lag) and row.position != told_end


def _state(tenure: Tenure, *, parked: bool, paused: bool, waits: bool) -> PartitionState:
    if parked:
        return "parked"
    if tenure.barrier_to is not None:
        return "replaying"
    if waits:
        return "waiting"
    return "paused" if paused else "assigned"
