"""When which request is sent, and what an answer means for it: the sending side without a socket.

Pure: it is told flushes, answers, the time and chance, and says which attempts to start. The
event loop makes them real, the simulation pretends.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from daemon.core.backoff import Backoff
from daemon.core.cohort_names import CohortNames
from daemon.core.health import HOLD_PROBE_S, Health
from daemon.core.lineup import Lineup
from daemon.core.model import CohortUpdate, Flush, Outcome
from daemon.core.pacer import COOL_DOWN_S_MAX, COOL_DOWN_S_MIN, Budget, Pacer
from daemon.core.plan import halves
from daemon.core.sender import Culprit, Sender
from daemon.core.verdict import Answer, Sent, Verdict

# While another flush is waiting, one flush has at most this many updates on the wire.
SHARED_WIRE_MAX = 4

# After a 429, attempts begin again spread over this long.
SPREAD_S = 2.0

# An attempt that ended so may have been too large for something on the way to Braze.
_BROKEN_OFF = frozenset({"reset", "truncated"})


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What the sending side is held to; durations in seconds."""

    slots: int = 24
    settle_s: float = 30.0
    backoff: Backoff = field(default_factory=Backoff)
    give_up_after_s: float = math.inf
    announce: bool = True
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to make now: an update, or where there is none, the announcement of a name."""

    id: int
    cohort: str
    name: str
    update: CohortUpdate | None
    flush: Flush | None  # None for a rename that no flush waits for.


class Delivery:
    """All flushes on their way to Braze, and what may start when."""

    def __init__(self, rules: DeliveryRules, chance: Callable[[], float], now_s: float) -> None:
        self.pacer = Pacer(rules.budget, now_s)
        self.health = Health()
        self.names = CohortNames(enabled=rules.announce)
        self.lineup = Lineup()
        self.lease_until_s = -math.inf
        self._rules = rules
        self._chance = chance
        self._wire: dict[int, Attempt] = {}
        self._ids = itertools.count(1)

    @property
    def on_wire(self) -> int:
        """How many attempts have not been answered."""
        return len(self._wire)

    def capacity(self, now_s: float) -> int:
        """Return how many more flushes could have their turn at once: what the relay may seal.

        Windows go on gathering while there is none, so a slow Braze makes requests fuller
        instead of queues longer.
        """
        if now_s >= self.lease_until_s:
            return 0
        if not self.health.well(now_s):
            # Something must be there to try again with: what is there may fail for itself.
            more = self.health.doubtful or len(self.lineup.senders) < self._rules.slots
            return int(more and not self.lineup.fresh)
        slots = self._rules.slots
        free = slots - self.on_wire + self.lineup.promised(slots)
        return max(0, min(free, self.pacer.affordable(now_s)) - self.lineup.first_turns)

    def unproven(self) -> frozenset[int]:
        """Return the flushes that were refused while nothing shows that Braze takes others."""
        return frozenset(self.lineup.suspects) if self.health.refusing else frozenset()

    # What comes in.

    def submit(self, flush: Flush) -> None:
        """Take a flush; its cohort must have no other on the way."""
        self.lineup.add(Sender(flush))

    def abandon(self, flush_ids: Iterable[int], now_s: float) -> list[Outcome]:
        """Start nothing more of these; return those that have nothing on the wire."""
        outcomes: list[Outcome] = []
        for flush_id in flush_ids:
            sender = self.lineup.senders.get(flush_id)
            if sender is not None:
                sender.abandoned = True
                outcomes += self._place(sender, now_s)
        return outcomes

    # What goes out.

    def start(self, now_s: float) -> list[Attempt]:
        """Return the attempts to make now. Each takes a slot and a token."""
        self.lineup.wake(now_s)
        attempts: list[Attempt] = []
        while self._start_at_s(now_s) <= now_s:
            attempt = self._next(now_s)
            if attempt is None:
                break
            self.pacer.take(now_s)
            self.health.started(now_s)
            self._wire[attempt.id] = attempt
            attempts.append(attempt)
        return attempts

    def wake_at_s(self, now_s: float) -> float:
        """Return when `start`, just called, may have more though nothing is told; may be never."""
        times = [self.names.due_at_s()]
        if (due_s := self.lineup.next_due_s()) is not None:
            times.append(due_s)
        if self.lineup.ready or times[0] <= now_s:
            times.append(self._start_at_s(now_s))
        # What could start now and did not waits for an answer, not for a time.
        return min((at_s for at_s in times if at_s > now_s), default=math.inf)

    def _start_at_s(self, now_s: float) -> float:
        if self.on_wire >= self._rules.slots or now_s >= self.lease_until_s:
            return math.inf
        fresh = self.health.doubtful and self.lineup.fresh
        allowed_s = self.health.start_at_s(now_s, on_wire=self.on_wire, fresh=fresh)
        return max(allowed_s, self.pacer.ready_at_s(now_s))

    def _next(self, now_s: float) -> Attempt | None:
        # First nobody takes more than his share; what is left over may be anybody's.
        for wire_max in (SHARED_WIRE_MAX, self._rules.slots):
            for sender in self.lineup.in_turn(now_s, fresh_first=self.health.doubtful):
                if not sender.announcing and len(sender.wire) < wire_max:
                    return self._next_of(sender, now_s)
        late = self.names.take_due(now_s)
        return Attempt(next(self._ids), *late, None, None) if late else None

    def _next_of(self, sender: Sender, now_s: float) -> Attempt:
        flush = sender.flush
        attempt_id = next(self._ids)
        self.lineup.sends(sender)
        if self.names.must_announce(flush.cohort, flush.name, now_s):
            sender.announcing = sender.tried = True
            return Attempt(attempt_id, flush.cohort, flush.name, None, flush)
        update = sender.take(attempt_id, now_s)
        if not sender.todo or sender.not_before_s > now_s:
            self.lineup.sent_all(sender)
        else:
            self.lineup.had_turn(sender)
        return Attempt(attempt_id, flush.cohort, flush.name, update, flush)

    # What comes back.

    def finish(self, attempt_id: int, answer: Answer, now_s: float, unix_s: float) -> list[Outcome]:
        """Take the answer to an attempt; return the flushes that have ended by it."""
        attempt = self._wire.pop(attempt_id)
        cohort_only = answer.reason == "not_found" and self.health.evidence(now_s)
        update = attempt.update is not None
        was_out = self.health.out(now_s)
        self.health.heard(answer, now_s, update=update, cohort_only=cohort_only)
        if was_out and not self.health.out(now_s):
            self.lineup.end_backoffs(now_s)
        self._heed_quota(answer, now_s, unix_s)
        if not update:
            self.names.finished(attempt.cohort, attempt.name, answer.verdict, now_s)
            if answer.ambiguous and answer.verdict is Verdict.ACCEPTED:
                self.names.queued(attempt.cohort, now_s + self._rules.settle_s)
        if attempt.flush is None:
            return []
        sender = self.lineup.senders[attempt.flush.id]
        if update:
            self._updated(sender, attempt, answer, now_s)
        else:
            self._announced(sender, attempt, answer, now_s)
        if self._must_give_up(sender, now_s):
            sender.give_up()
        return self._place(sender, now_s) + self._judge_suspects(now_s)

    def _announced(self, sender: Sender, attempt: Attempt, answer: Answer, now_s: float) -> None:
        sender.announcing = False
        if answer.verdict is Verdict.REFUSED:
            if self.names.knows(attempt.cohort):
                return  # Only its new name is refused: members go under the old one.
            while sender.todo:  # The cohort itself is refused, so all of it is.
                sender.suspect(sender.todo.popleft(), answer.detail, now_s)
            sender.fail(answer.reason, now_s, ours=True)
        elif answer.verdict is not Verdict.ACCEPTED:
            self._delay(sender, answer, now_s)

    def _updated(self, sender: Sender, attempt: Attempt, answer: Answer, now_s: float) -> None:
        update = sender.wire[attempt.id]
        if answer.ambiguous:
            sender.list(update, now_s + self._rules.settle_s)
        if answer.verdict is Verdict.ACCEPTED:
            sender.accept(attempt.id)
        elif answer.verdict is Verdict.REFUSED and not self.names.vouched(attempt.cohort):
            # It was only remembered, and Braze may have lost it: announce it before anybody is
            # suspected.
            self.names.forget(attempt.cohort)
            sender.put_back(attempt.id)
        elif answer.verdict is Verdict.REFUSED and self.names.is_queued(attempt.cohort, now_s):
            # Not the members' fault: Braze may not know the cohort yet.
            sender.put_back(attempt.id)
            self._delay(sender, answer, now_s)
        elif answer.verdict is Verdict.REFUSED:
            del sender.wire[attempt.id]
            if len(update) > 1:
                sender.search(halves(update))
            else:
                sender.suspect(update, answer.detail, now_s)
                sender.fail(answer.reason, now_s, ours=True)
        else:
            sender.put_back(attempt.id)
            self._delay(sender, answer, now_s)
            if answer.sent is Sent.AMBIGUOUS and answer.reason in _BROKEN_OFF:
                sender.shrink()

    def _delay(self, sender: Sender, answer: Answer, now_s: float) -> None:
        """Let a cohort wait alone; where all wait together, the pacer or the hold does it."""
        if answer.reason == "rate_limited":
            return
        sender.fail(answer.reason, now_s, ours=answer.reason in ("locked", "not_found"))
        if answer.reason == "not_found":
            self.names.forget(sender.flush.cohort)  # Braze may have lost it: announce it again.
        if answer.verdict is Verdict.BLOCKED:
            if self.health.hold is None:
                sender.not_before_s = now_s + HOLD_PROBE_S
            return
        if answer.sent is Sent.UNSENT and answer.reason == "reset" and sender.tries == 1:
            return  # An idle connection was closed under us: nothing was tried yet.
        delay_s = self._rules.backoff.delay_s(sender.tries, self._chance())
        sender.waits_as_told = answer.retry_after_s is not None
        if answer.retry_after_s is not None:
            delay_s = max(delay_s, min(answer.retry_after_s, COOL_DOWN_S_MAX))
        sender.not_before_s = max(sender.not_before_s, now_s + delay_s)

    def _heed_quota(self, answer: Answer, now_s: float, unix_s: float) -> None:
        spread_s = self._chance() * SPREAD_S
        reset_at_s = answer.quota.reset_at_s
        reset_in_s = 0.0 if reset_at_s is None else reset_at_s - unix_s
        self.pacer.heard(answer.quota, reset_in_s + spread_s, now_s)
        if answer.reason == "rate_limited":
            wait_s = max(reset_in_s, answer.retry_after_s or 0.0, COOL_DOWN_S_MIN)
            self.pacer.cool_down(min(wait_s, COOL_DOWN_S_MAX - SPREAD_S) + spread_s, now_s)

    def _must_give_up(self, sender: Sender, now_s: float) -> bool:
        since_s = sender.failing_since_s
        if now_s - since_s < self._rules.give_up_after_s:
            return False
        return self.health.accepted_at_s >= since_s and not sender.abandoned  # Others succeed.

    def _judge_suspects(self, now_s: float) -> list[Outcome]:
        """Refuse the culprits for which there is evidence; try again those that may be innocent."""
        outcomes: list[Outcome] = []
        for sender in list(self.lineup.suspects.values()):
            moved = sender.convict(self._is_guilty)
            if not sender.todo and not sender.wire:
                moved = sender.retry_culprits(self._took_others_since) or moved
            if moved:
                outcomes += self._place(sender, now_s)
        return outcomes

    def _is_guilty(self, culprit: Culprit) -> bool:
        """Tell a member that Braze will never take from a Braze that takes nothing for a while.

        Refused, then another update accepted, then refused again: it is the member. Where nothing
        else is sent, an acceptance shortly before and a second refusal must do; but not while
        other flushes are under suspicion too, since then it is rather Braze.
        """
        accepted_s = self.health.accepted_at_s
        if culprit.first_refused_at_s < accepted_s <= culprit.refused_at_s:
            return True
        again = culprit.refused_at_s > culprit.first_refused_at_s
        alone = len(self.lineup.suspects) == 1
        return again and alone and self.health.evidence(culprit.first_refused_at_s)

    def _took_others_since(self, culprit: Culprit) -> bool:
        return culprit.refused_at_s < self.health.accepted_at_s

    def _place(self, sender: Sender, now_s: float) -> list[Outcome]:
        ended = self.lineup.place(sender, now_s)
        # Once something is accepted, Braze is well again; what is suspected is tried again.
        self.health.refusing = bool(self.lineup.suspects) and not self.health.evidence(now_s)
        return [sender.outcome()] if ended else []
