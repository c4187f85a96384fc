"""What is seen of the sending side: counters, log lines, and the view for the status page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from daemon.braze.recent import Recent
from daemon.core.delivery import Attempt, Delivery
from daemon.core.model import Flush, Outcome, Partition
from daemon.core.verdict import Answer, Verdict
from daemon.logs import FoldedLog, event, get_logger
from daemon.metrics import Metrics, Quota
from daemon.reasons import blocked_reason
from daemon.status import COHORTS_SHOWN_MAX, CohortView, DeliveryView

# Cohorts whose numbers are kept for the status page; of more, the one longest quiet is dropped.
COHORTS_KEPT_MAX = 10_000

# A budget so small that the next token takes longer than this holds everything back (G10).
TOKEN_WAIT_S_MIN = 5.0


class CohortCounts(msgspec.Struct):
    """What this process has delivered of one cohort."""

    name: str = ""
    adds: int = 0
    removes: int = 0
    last_answer: str = ""
    answered_s: float | None = None


class DeliveryWatch:
    """Told every answer and every end of a flush, on the event loop."""

    def __init__(
        self,
        metrics: Metrics,
        pending_of: Callable[[], Mapping[str, tuple[int, float]]],
        backfill_ends: Mapping[Partition, int],
    ) -> None:
        self._metrics = metrics
        self._pending_of = pending_of
        self._backfill_ends = backfill_ends
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self._cohorts: dict[str, CohortCounts] = {}
        self._totals = CohortCounts()
        self._requests = 0
        self._requests_before = 0  # Made before the present hour of Braze's quota.
        self._retries = 0
        self._quota: Quota = Quota()
        self._quota_reset_unix_s: float | None = None
        self._blocked: frozenset[str] = frozenset()
        self._renames = 0
        self._latency = Recent()
        self._answer_time = Recent()
        self.last_success_unix_s: float | None = None

    # What happens.

    def answered(self, attempt: Attempt, answer: Answer, seconds: float, now_s: float) -> None:
        """Count one attempt."""
        endpoint = "cohorts" if attempt.update is None else "users"
        self._requests += 1
        self._metrics.request(endpoint, answer.status or answer.reason, seconds)
        self._answer_time.add(seconds, now_s)
        counts = self._counts_of(attempt.cohort)
        counts.answered_s = now_s
        counts.name = attempt.name
        counts.last_answer = f"{answer.status} {answer.reason}" if answer.status else answer.reason
        self._note_quota(answer)
        if answer.late:
            self._metrics.late_requests.inc()
            self._log.error(event.REQUEST_LATE, cohort=attempt.cohort, seconds=round(seconds, 3))
        if answer.verdict is Verdict.ACCEPTED:
            self._accepted(attempt, answer, counts)
        else:
            self._failed(attempt, answer)

    def _accepted(self, attempt: Attempt, answer: Answer, counts: CohortCounts) -> None:
        self._folded.forget(event.UPDATE_RETRIED, attempt.cohort)
        if answer.errors:
            self._metrics.braze_answer_errors.inc(answer.errors)
            self._folded.warning(
                event.ANSWER_HAD_ERRORS,
                attempt.cohort,
                cohort=attempt.cohort,
                errors=answer.errors,
                detail=answer.detail,
            )
        if attempt.update is None:
            self._log.info(event.COHORT_ANNOUNCED, cohort=attempt.cohort, name=attempt.name)
            return
        adds, removes = len(attempt.update.added), len(attempt.update.removed)
        self._metrics.flush_size.observe(len(attempt.update))
        self._metrics.delivered(attempt.cohort, adds, removes)
        for tally in (counts, self._totals):
            tally.adds += adds
            tally.removes += removes

    def _failed(self, attempt: Attempt, answer: Answer) -> None:
        if answer.verdict is Verdict.REFUSED:
            level, name = self._folded.error, event.UPDATE_REFUSED
        else:
            level, name = self._folded.warning, event.UPDATE_RETRIED
            self._retries += 1
            self._metrics.retried(answer.reason)
        level(
            name,
            attempt.cohort,
            cohort=attempt.cohort,
            members=len(attempt.update) if attempt.update else 0,
            reason=answer.reason,
            status=answer.status,
            ambiguous=answer.ambiguous,
            detail=answer.detail,
        )

    def _note_quota(self, answer: Answer) -> None:
        quota = answer.quota
        if quota.limit is None and quota.remaining is None:
            return
        if quota.reset_at_s != self._quota_reset_unix_s:  # A new hour has begun.
            self._requests_before = self._requests - 1
        self._quota_reset_unix_s = quota.reset_at_s
        others = None
        if quota.limit is not None and quota.remaining is not None:
            ours = self._requests - self._requests_before
            others = max(0, quota.limit - quota.remaining - ours)
        self._quota = Quota(quota.limit, quota.remaining, others)
        self._metrics.quota(self._quota)

    def ended(self, flush: Flush, outcome: Outcome, now_s: float, unix_s: float) -> None:
        """Count the end of a flush, and how long its oldest events took."""
        if outcome.abandoned:
            self._log.info(event.FLUSH_ABANDONED, cohort=flush.cohort, left=len(outcome.left))
            return
        self.last_success_unix_s = unix_s
        self._metrics.last_success.set(unix_s)
        for lane in flush.lanes:
            if lane.event_time_s is not None:
                seconds = unix_s - lane.event_time_s
                if lane.top <= self._backfill_ends.get(lane.partition, 0):
                    self._metrics.latency("backfill", seconds)
                else:
                    self._metrics.latency("live", seconds)
                    self._latency.add(seconds, now_s)

    def _counts_of(self, cohort: str) -> CohortCounts:
        counts = self._cohorts.pop(cohort, None) or CohortCounts()
        self._cohorts[cohort] = counts  # At the end: the first one is the longest quiet.
        if len(self._cohorts) > COHORTS_KEPT_MAX:
            del self._cohorts[next(iter(self._cohorts))]
        return counts

    # What is shown.

    def view(self, delivery: Delivery, slots: int, now_s: float) -> DeliveryView:
        """Return the picture of now, and set the gauges to it."""
        blocked = blocked_now(delivery, now_s)
        self._log_blocked(blocked)
        limit = limited_by(delivery, slots, now_s)
        backoff = [s for s in delivery.lineup.senders.values() if s.not_before_s > now_s]
        self._metrics.publish_blocked("delivery", blocked)
        self._metrics.in_flight_requests.set(delivery.on_wire)
        self._metrics.request_slots.set(slots)
        self._metrics.backoff.set(max((s.not_before_s - now_s for s in backoff), default=0.0))
        self._metrics.renames.inc(delivery.names.renames - self._renames)
        self._renames = delivery.names.renames
        return DeliveryView(
            in_flight=delivery.on_wire,
            slots=slots,
            limited_by=limit,
            blocked=blocked,
            quota_limit=self._quota.limit,
            quota_remaining=self._quota.remaining,
            quota_used_by_others=self._quota.used_by_others,
            quota_reset_unix_s=self._quota_reset_unix_s,
            budget_per_s=delivery.pacer.rate_s,
            cohorts_in_backoff=len(backoff),
            last_success_unix_s=self.last_success_unix_s,
            requests=self._requests,
            retries=self._retries,
            delivered_adds=self._totals.adds,
            delivered_removes=self._totals.removes,
            latency=self._latency.spread(now_s),
            answer_time=self._answer_time.spread(now_s),
            cohorts_known=len(self._cohorts),
            cohorts=self._cohort_views(delivery, now_s),
        )

    def _log_blocked(self, blocked: Mapping[str, str]) -> None:
        for reason in blocked.keys() - self._blocked:
            self._log.warning(event.DELIVERY_BLOCKED, reason=reason, detail=blocked[reason])
        for reason in self._blocked - blocked.keys():
            self._log.info(event.DELIVERY_UNBLOCKED, reason=reason)
        self._blocked = frozenset(blocked)

    def _cohort_views(self, delivery: Delivery, now_s: float) -> tuple[CohortView, ...]:
        pending = self._pending_of()
        senders = delivery.lineup.senders.values()
        flying = {sender.flush.cohort for sender in senders if sender.on_wire}
        telling = sorted(pending, key=lambda cohort: pending[cohort][1], reverse=True)
        recent = reversed(self._cohorts)
        shown = list(dict.fromkeys([*telling, *recent]))[:COHORTS_SHOWN_MAX]
        views = []
        for cohort in shown:
            counts = self._cohorts.get(cohort) or CohortCounts()
            waiting, age_s = pending.get(cohort, (0, None))
            views.append(
                CohortView(
                    id=cohort,
                    name=counts.name or cohort,
                    pending=waiting,
                    in_flight=cohort in flying,
                    delivered_adds=counts.adds,
                    delivered_removes=counts.removes,
                    last_answer=counts.last_answer,
                    last_answer_age_s=(
                        None if counts.answered_s is None else now_s - counts.answered_s
                    ),
                    oldest_age_s=age_s,
                )
            )
        return tuple(views)


def blocked_now(delivery: Delivery, now_s: float) -> dict[str, str]:
    """Return every reason for which sending waits, with its detail."""
    health = delivery.health
    blocked: dict[str, str] = {}
    if health.hold is not None:
        blocked[blocked_reason(health.hold.reason)] = health.hold.detail
    if health.refusing:
        blocked["refused_all"] = "no update has been accepted near the last refusals"
    if health.out(now_s):
        blocked["braze"] = "no attempt has succeeded for a while"
    if now_s >= delivery.lease_until_s and delivery.lineup.senders:
        blocked["lease"] = ""
    if (waits_s := _quota_wait_s(delivery, now_s)) > 0:
        blocked["quota"] = f"for {waits_s:.0f} s"
    locked = [s.flush.cohort for s in delivery.lineup.senders.values() if s.trouble == "locked"]
    if locked:
        others = f" and {len(locked) - 1} more" if len(locked) > 1 else ""
        blocked["locked"] = f"{locked[0]}{others}"
    return blocked


def _quota_wait_s(delivery: Delivery, now_s: float) -> float:
    """Return how long the quota keeps everything back; at full speed a token is no wait."""
    cooling_s = delivery.pacer.cool_until_s - now_s
    if cooling_s > 0 or not delivery.lineup.ready:
        return cooling_s
    token_s = delivery.pacer.ready_at_s(now_s) - now_s
    return token_s if token_s > TOKEN_WAIT_S_MIN else 0.0


def limited_by(delivery: Delivery, slots: int, now_s: float) -> str:
    """Return what limits the sending side now."""
    health = delivery.health
    if health.hold is not None or health.refusing:
        return "hold"
    if health.out(now_s):
        return "braze"
    if delivery.pacer.cool_until_s > now_s:
        return "quota"
    if not delivery.lineup.ready:
        return "none"
    if delivery.on_wire >= slots:
        return "slots"
    return "quota" if delivery.pacer.ready_at_s(now_s) > now_s else "none"
