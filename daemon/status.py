"""What the two loops publish about themselves, for the admin thread to read.

Views are immutable and replaced whole: the reader takes a reference and has one consistent
picture, so there is no lock. Nothing here names a member. Times named `…_s` are seconds of the
monotonic clock or durations; those named `…_unix_s` are Unix time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

PartitionState: TypeAlias = Literal["assigned", "paused", "replaying", "waiting", "parked"]
Membership: TypeAlias = Literal["joining", "assigned", "standing_by"]

COHORTS_SHOWN_MAX = 50


class PartitionView(msgspec.Struct, frozen=True):
    """One partition this replica owns; None is not known yet."""

    topic: str
    partition: int
    state: PartitionState
    position: int | None = None
    committed: int | None = None
    end_offset: int | None = None
    lag: int | None = None
    barrier_to: int | None = None  # Replaying up to this offset before anything is sent.
    waiting_s: float | None = None  # Seconds until it may be sent from.
    pending: int = 0


class Spread(msgspec.Struct, frozen=True):
    """How long things took of late: how many there were, and seconds."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


class CohortView(msgspec.Struct, frozen=True):
    """One cohort of those worth showing: the oldest, the largest, the blocked."""

    id: str
    name: str
    pending: int = 0
    in_flight: bool = False
    delivered_adds: int = 0
    delivered_removes: int = 0
    last_answer: str = ""  # `Answer.reason`, with the status where there is one.
    last_answer_age_s: float | None = None
    oldest_age_s: float | None = None


class IntakeView(msgspec.Struct, frozen=True):
    """What the intake loop says. `holds` is reason → detail, reasons of `daemon.reasons`."""

    membership: Membership = "joining"
    partitions: tuple[PartitionView, ...] = ()
    pending: int = 0  # Changes.
    pending_weight: int = 0  # What they count against the limit, with each cohort's part (G9).
    pending_limit: int = 0
    oldest_pending_age_s: float | None = None
    saturated: bool = False
    draining: bool = False
    consumed: int = 0  # Records since the start.
    rejected: int = 0
    dead_letters: int = 0
    # A closed list.
    dead_letters_by_reason: Mapping[str, int] = msgspec.field(default_factory=dict)
    last_poll_unix_s: float | None = None
    holds: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def records_left(self) -> int:
        """Records between the positions and the ends of the log, as far as known."""
        return sum(row.lag or 0 for row in self.partitions)


class DeliveryView(msgspec.Struct, frozen=True):
    """What the delivery loop says. `blocked` is reason → detail; `limited_by` its own limit."""

    in_flight: int = 0
    slots: int = 0
    limited_by: str = "none"
    blocked: Mapping[str, str] = msgspec.field(default_factory=dict)
    quota_limit: int | None = None
    quota_remaining: int | None = None
    quota_used_by_others: int | None = None
    quota_reset_unix_s: float | None = None
    budget_per_s: float | None = None  # Requests a second that our share allows.
    cohorts_in_backoff: int = 0
    last_success_unix_s: float | None = None
    requests: int = 0  # Attempts since the start.
    retries: int = 0
    delivered_adds: int = 0
    delivered_removes: int = 0
    latency: Spread | None = None  # Of live changes, from event time to acceptance.
    answer_time: Spread | None = None  # Of attempts at Braze.
    cohorts_known: int = 0
    cohorts: tuple[CohortView, ...] = ()  # At most `COHORTS_SHOWN_MAX`, most telling first.


class DaemonView(msgspec.Struct, frozen=True):
    """Who this is: fixed from the moment its configuration was found valid."""

    version: str
    workspace: str
    config_hash: str
    group_id: str
    started_unix_s: float


class Backlog:
    """How long until the log's end is reached, from how fast the rest shrank of late.

    The rest counts what producers add meanwhile, so the estimate does too. There is none for the
    first seconds, nor while the rest does not shrink.
    """

    _HORIZON_S = 60.0
    _SPACING_S = 1.0
    _BASIS_S = 3.0  # Less than this is no basis for an estimate.

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()
        self.seconds_left: float | None = None

    def observe(self, left: int, now_s: float) -> None:
        """Take in how many records are left now."""
        samples = self._samples
        if not samples or now_s - samples[-1][0] >= self._SPACING_S:
            samples.append((now_s, left))
        while now_s - samples[0][0] > self._HORIZON_S:
            samples.popleft()
        then_s, then_left = samples[0]
        shrunk, took_s = then_left - left, now_s - then_s
        known = took_s >= self._BASIS_S and shrunk > 0 and left > 0
        self.seconds_left = left * took_s / shrunk if known else None


class Board:
    """Where the loops pin up their views. Each attribute has one writer; anyone may read.

    Each loop also notes its turns, idle or not, and inside long waits: that alone decides whether
    the daemon is alive.
    """

    def __init__(self, daemon: DaemonView, now_s: float) -> None:
        self.daemon = daemon
        self.intake = IntakeView()
        self.delivery = DeliveryView()
        self.intake_tick_s = now_s
        self.delivery_tick_s = now_s
        self.seconds_left: float | None = None
        self.pending_of_cohorts: Mapping[str, tuple[int, float]] = {}  # Changes, oldest age in s.
        self.stopping = False  # From the first signal on.
        self._backlog = Backlog()

    def publish_intake(self, view: IntakeView, now_s: float) -> None:
        """Replace the intake's view; from the intake thread only."""
        self._backlog.observe(view.records_left, now_s)
        self.seconds_left = self._backlog.seconds_left
        self.intake = view
        self.intake_tick_s = now_s

    def publish_delivery(self, view: DeliveryView, now_s: float) -> None:
        """Replace the delivery's view; from the event loop only."""
        assert len(view.cohorts) <= COHORTS_SHOWN_MAX, len(view.cohorts)
        self.delivery = view
        self.delivery_tick_s = now_s
