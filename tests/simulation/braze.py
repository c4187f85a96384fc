"""Braze, and the network before it: loses, delays, refuses, and applies in whatever order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from daemon.core.delivery import Attempt
from daemon.core.verdict import Answer, Quota, judge, judge_failure
from tests.simulation.names import Book
from tests.simulation.oracle import Oracle, Request
from tests.simulation.scenario import REQUEST_S, SETTLE_S, UNIX_0_S
from tests.simulation.world import World

_REFUSED = ("refused", "refused", "too_large")
# What Braze may have applied, or may still apply, whatever the daemon makes of it.
_UNCLEAR = frozenset({"queued", "server_error", "request_timeout", "timeout", "reset"})
_OUTAGES = ("server_error", "request_timeout", "timeout", "reset", "connect", "unsent_reset")


@dataclass(slots=True)
class Weather:
    """What is wrong now, until when."""

    outage_until_s: float = 0.0
    unauthorized_until_s: float = 0.0
    not_found_until_s: float = 0.0
    slow_until_s: float = 0.0
    quota_until_s: float = 0.0
    refuse_from_s: float = 0.0
    refuse_until_s: float = 0.0
    locked: str = ""
    locked_until_s: float = 0.0
    unknown: str = ""
    unknown_until_s: float = 0.0

    def refuse_all(self, from_s: float, until_s: float) -> None:
        """Answer 400 to everything, from when nothing is under way that was taken before."""
        self.outage_until_s = max(self.outage_until_s, from_s)
        self.refuse_from_s, self.refuse_until_s = from_s, until_s

    def clear(self) -> None:
        """All is well."""
        self.outage_until_s = self.unauthorized_until_s = self.not_found_until_s = 0.0
        self.slow_until_s = self.quota_until_s = self.refuse_until_s = 0.0
        self.locked_until_s = self.unknown_until_s = 0.0


class Braze:
    """Takes requests. `told` hears each answer, if one comes, before the deadline of its attempt.

    It never applies later than `SETTLE_S` after an attempt has ended: that is what the daemon
    asks of it. Up to that line everything is allowed.
    """

    def __init__(self, world: World, oracle: Oracle, book: Book) -> None:
        self.weather = Weather()
        self.book = book
        self._world = world
        self._oracle = oracle

    def send(
        self,
        request: Request | None,
        attempt: Attempt,
        told: Callable[[Answer], None],
        *,
        announced: bool = True,
    ) -> None:
        """Let a request leave; `None` is an announcement, which changes no membership.

        `announced`: the sender itself has announced the cohort, and was not told that it is lost.
        """
        cohort = attempt.cohort
        kind = self._fate(request, cohort, announced=announced)
        rng = self._world.rng
        slow = self._world.now < self.weather.slow_until_s
        latency_s = rng.uniform(0.3, REQUEST_S * 0.999) if slow else rng.uniform(0.005, 0.3)
        if kind == "timeout":
            latency_s = REQUEST_S
        answer = self._answer(kind)
        ambiguous = kind in _UNCLEAR
        self._apply_some_time(request, kind, latency_s)

        def end() -> None:
            if request is not None:
                self._oracle.ended(request, ambiguous=ambiguous)
            if kind in ("ok", "queued"):
                self._note_name(attempt)
            told(answer)

        self._world.after(latency_s, end)
        if kind != "ok":
            self._world.sometimes(f"answer_{kind}")
            self._world.note("fate", cohort, kind)
        if kind in ("locked", "not_found", *_REFUSED):
            self._oracle.said_no(cohort)
        if kind in _REFUSED and request is not None and len(request.changes) > 1:
            self._world.sometimes("bisection")

    def orphaned(self, requests: Iterable[Request]) -> None:
        """Their process was killed: what its kernel still held may arrive, late but in bounds."""
        for request in requests:
            left_s = request.risk_until_s - self._world.now
            if request.applied or left_s <= 0 or self._world.chance(0.5):
                continue
            request.diverted = True
            at_s = self._world.rng.uniform(0, left_s * 0.999)
            self._world.sometimes("applied_after_death")
            self._world.after(at_s, functools.partial(self._apply, request, diverted=True))

    def _note_name(self, attempt: Attempt) -> None:
        if attempt.update is None:
            self.book.took(attempt.cohort, attempt.name)
        else:
            self.book.sent(attempt)

    def _fate(self, request: Request | None, cohort: str, *, announced: bool) -> str:
        said = self._said_by_weather(cohort)
        if said:
            return said
        world = self._world
        if request is not None and cohort in self.book.lost:
            # Whose cohort it is can't be seen from a refusal: it may be the members.
            return "not_found" if announced or world.chance(0.5) else "refused"
        if request is not None and not world.plan.refused.isdisjoint(request.changes):
            return world.rng.choice(_REFUSED)
        if not world.healed and world.chance(world.plan.ambiguous):
            return world.rng.choice((*_OUTAGES, "queued", "queued"))
        return "ok"

    def _said_by_weather(self, cohort: str) -> str:
        weather, rng, now_s = self.weather, self._world.rng, self._world.now
        refusing_soon = now_s < weather.refuse_from_s <= weather.refuse_until_s
        if now_s < weather.outage_until_s and (refusing_soon or rng.random() < 0.9):
            return rng.choice(_OUTAGES)
        if weather.refuse_from_s <= now_s < weather.refuse_until_s:
            return "refused"
        if now_s < weather.quota_until_s:
            return "rate_limited"
        if now_s < weather.unauthorized_until_s:
            return rng.choice(("unauthorized", "forbidden"))
        if now_s < weather.not_found_until_s and rng.random() < 0.9:
            return "not_found"
        return self._said_of(cohort)

    def _said_of(self, cohort: str) -> str:
        weather, now_s = self.weather, self._world.now
        if cohort == weather.locked and now_s < weather.locked_until_s:
            return "locked"
        if cohort == weather.unknown and now_s < weather.unknown_until_s:
            return "not_found"
        return ""

    def _answer(self, kind: str) -> Answer:
        match kind:
            case "timeout" | "reset":
                return judge_failure(kind, bytes_sent=True)
            case "connect":
                return judge_failure("connect", bytes_sent=False)
            case "unsent_reset":
                return judge_failure("reset", bytes_sent=False)
            case _:
                status = {
                    "ok": 200,
                    "queued": 202,
                    "refused": 400,
                    "unauthorized": 401,
                    "forbidden": 403,
                    "too_large": 413,
                    "not_found": 404,
                    "request_timeout": 408,
                    "locked": 423,
                    "rate_limited": 429,
                    "server_error": 503,
                }[kind]
        verdict, sent, reason = judge(status)
        quota = Quota()
        if kind == "rate_limited":
            quota = Quota(remaining=0, reset_at_s=UNIX_0_S + self.weather.quota_until_s)
        return Answer(verdict, sent, reason, status=status, quota=quota)

    def _apply_some_time(self, request: Request | None, kind: str, latency_s: float) -> None:
        """Apply before the answer, after it, or never: whatever the answer's kind allows."""
        if request is None:
            return
        rng = self._world.rng
        if kind == "ok":
            self._world.after(rng.uniform(0, latency_s), lambda: self._apply(request))
            return
        latest_s = latency_s + SETTLE_S * 0.999
        if kind == "queued":
            self._world.after(rng.uniform(0, latest_s), lambda: self._apply(request))
        elif kind in _UNCLEAR:
            roll = rng.random()
            if roll < 0.35:
                self._world.sometimes("lost_before_applying")
                return
            early = roll < 0.6
            at_s = rng.uniform(0, latency_s) if early else rng.uniform(latency_s, latest_s)
            self._world.sometimes("answer_lost_after_applying" if early else "applied_late")
            self._world.sometimes("failed_but_applied", int(kind == "server_error"))
            self._world.after(at_s, lambda: self._apply(request))

    def _apply(self, request: Request, *, diverted: bool = False) -> None:
        if request.diverted and not diverted:
            return  # It takes the later way.
        self._world.note("applied", request.sender, request.changes)
        self._oracle.apply(request)
