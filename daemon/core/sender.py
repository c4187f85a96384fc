"""One flush on its way: what is to send, what is on the wire, and what became of the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from daemon.core.model import Changes, CohortUpdate, Flush, Listed, Outcome, Refusal
from daemon.core.plan import halves, plan
from daemon.core.updates import Updates

# Failures in a row after which an update that broke off is halved.
_SHRINK_AT_TRIES = frozenset({4, 8, 16, 32, 64, 128, 256, 512, 1024})

# A refused batch may cost this many requests, then it pauses before it is searched on (G12).
SEARCH_REQUESTS_MAX = 64
SEARCH_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Culprit:
    """A part that was refused alone, and waits for evidence that Braze takes others."""

    update: CohortUpdate
    refused_at_s: float
    detail: str
    first_refused_at_s: float


class Sender:
    """The state of one flush; it decides nothing about other flushes.

    Each member is at all times in exactly one place: to send, on the wire, a culprit, refused,
    or accepted and forgotten.
    """

    def __init__(self, flush: Flush) -> None:
        self.flush = flush
        self.turn = flush.turn  # The next one: it waits since its last.
        self.had_turn = False
        self.todo = Updates(plan(flush))
        self.wire: dict[int, CohortUpdate] = {}
        self.culprits: list[Culprit] = []
        self.announcing = False
        self.abandoned = False
        self.tried = False
        self.tries = 0  # Failures in a row.
        self.not_before_s = -math.inf
        self.waits_as_told = False  # Until then by Braze's own word, not by our guess.
        self.failing_since_s = math.inf  # Refused, locked or unknown since then.
        self.trouble = ""  # The reason of the last failure, while there is one.
        self._searching = False
        self._search_requests = 0
        self._shrunk = False
        self._taken_since = 0  # Updates accepted since then, less those that have paid.
        self._refused: list[Refusal] = []
        self._refused_first: dict[int, tuple[CohortUpdate, float]] = {}
        self._listed: dict[int, tuple[CohortUpdate, Listed]] = {}  # By identity, so kept alive.

    @property
    def on_wire(self) -> bool:
        """A request of this flush is on the wire now."""
        return bool(self.wire) or self.announcing

    @property
    def done(self) -> bool:
        """Nothing is on the wire, and nothing is left to do or to wait for."""
        if self.on_wire:
            return False
        return self.abandoned or not (self.todo or self.culprits)

    def take(self, attempt_id: int, now_s: float) -> CohortUpdate:
        """Put the next update on the wire, with a pause when a search has cost enough."""
        update = self.wire[attempt_id] = self.todo.popleft()
        self.tried = self.had_turn = True
        self.turn = self.turn._replace(since_s=now_s)
        self._search_requests += self._searching
        if self._search_requests >= SEARCH_REQUESTS_MAX:
            self._search_requests = 0
            self.not_before_s = now_s + SEARCH_PAUSE_S
        return update

    def accept(self, attempt_id: int) -> CohortUpdate:
        """Braze has it."""
        self.tries, self.trouble, self.failing_since_s = 0, "", math.inf
        self._taken_since += self._shrunk
        return self.wire.pop(attempt_id)

    def list(self, update: CohortUpdate, until_s: float) -> None:
        """An attempt at this update was ambiguous: it may be applied until then (G4)."""
        self._listed[id(update)] = update, Listed(update.changes, until_s)

    def put_back(self, attempt_id: int) -> None:
        """Try it again, in its place; it was no turn."""
        self.had_turn = False
        self.todo.appendleft(self.wire.pop(attempt_id))

    def shrink(self) -> None:
        """Halve an update when attempts have broken off so often that its size may be why.

        Something on the way may reset what is too large for it, without a word. Where it is an
        outage instead, doubling the tries between keeps the price to a few requests a flush: it
        is the smallest update that is halved on, to find what gets through. Each update accepted
        after that pays for halving another, without the tries.
        """
        if self._shrunk and self._taken_since > 0:
            self._taken_since -= 1
            update = self.todo.cut[0]  # The one that has just broken off.
        elif self.tries in _SHRINK_AT_TRIES:
            self._shrunk = True
            cut = self.todo.cut  # Those that are not are not smaller, but for the last.
            update = min((u for u in cut if len(u) > 1), key=len, default=cut[0])
        else:
            return
        if len(update) > 1:
            self.todo.remove(update)
            self.todo.extendleft(reversed(halves(update)))

    def fail(self, reason: str, now_s: float, *, ours: bool) -> None:
        """Note a failure; `ours` when it is about this cohort, not about Braze."""
        self.tries += 1
        self.trouble = reason
        if ours:
            self.failing_since_s = min(self.failing_since_s, now_s)

    def search(self, parts: tuple[CohortUpdate, ...]) -> None:
        """Send the halves of a refused update; from now on every request of it is counted."""
        self.todo.extendleft(reversed(parts))
        self._searching = True

    def suspect(self, update: CohortUpdate, detail: str, now_s: float) -> None:
        """This part was refused alone, for the first time or again."""
        _, first_s = self._refused_first.setdefault(id(update), (update, now_s))
        self.culprits.append(Culprit(update, now_s, detail, first_s))

    def retry_culprits(self, is_due: Callable[[Culprit], bool] = lambda _: True) -> bool:
        """Send those that are due once more, and tell if there were any: it may be over.

        One refused only now stays: a second refusal right behind the first would say nothing new.
        """
        due = [culprit for culprit in self.culprits if is_due(culprit)]
        self.culprits = [culprit for culprit in self.culprits if not is_due(culprit)]
        self.todo.extend(culprit.update for culprit in due)
        return bool(due)

    def refuse(self, update: CohortUpdate, reason: str, detail: str) -> None:
        """Braze will never take this part."""
        self._refused.append(Refusal(update.changes, reason, detail))

    def convict(self, is_guilty: Callable[[Culprit], bool]) -> bool:
        """Refuse the culprits that are guilty; tell if there were any."""
        guilty = [culprit for culprit in self.culprits if is_guilty(culprit)]
        for culprit in guilty:
            self.culprits.remove(culprit)
            self.refuse(culprit.update, "refused", culprit.detail)
        return bool(guilty)

    def give_up(self) -> None:
        """Refuse all that has not been accepted, because a person said so for this case."""
        for update in [*self.todo, *(culprit.update for culprit in self.culprits)]:
            self.refuse(update, "gave_up", self.trouble)
        self.todo.clear()
        self.culprits.clear()

    def outcome(self) -> Outcome:
        """Return how it ended. Only for one that is done."""
        assert self.done, self.flush.id
        left: Changes = {}
        for update in [*self.todo, *(culprit.update for culprit in self.culprits)]:
            left |= update.changes
        assert self.abandoned or not left, self.flush.id
        listed = tuple(entry for _, entry in self._listed.values())
        return Outcome(self.flush.id, tuple(self._refused), left, listed, self.abandoned)
