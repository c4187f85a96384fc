"""Braze's two endpoints: what becomes of a request, and what is said.

Brings together validation, keys, quota, faults and the workspace. It must not know of sockets:
it returns a `Reaction`, and what is to happen later it hands to `schedule`.
Facts about the answers: Braze's documentation, "Cohort import integration" and "Rate limits".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from urllib.parse import unquote

from daemon.tools.simulator.answer import HTML, JSON, Answer, Delivery, Reaction, say
from daemon.tools.simulator.bomb import make_bomb
from daemon.tools.simulator.cohorts import Arrival, Workspace, both_lists
from daemon.tools.simulator.fault_list import Candidate, FaultList
from daemon.tools.simulator.fault_values import duration
from daemon.tools.simulator.faults import Fault, Kind
from daemon.tools.simulator.keys import Keys
from daemon.tools.simulator.quota import Headers, Quota
from daemon.tools.simulator.request import (
    IDS_MAX_TEXT,
    Announcement,
    Malformed,
    Request,
    Update,
    read_request,
)
from daemon.tools.simulator.stats import SeenRequest, Stats, Violation

BODY_MAX = 1 << 20  # A request this large is no contract with Braze any more.
UNKNOWN_COHORT_TEXT = "cohort does not exist"  # Our words: Braze's are not documented.
RESET_S = 1.0  # Of a 429 by fault: Braze's hour would make every test that long.
FAR_S = "4070908800"  # The year 2099.

Schedule = Callable[[float, Callable[[], None]], None]

_SUCCESS = Answer(201, b'{"message":"success"}')
_QUEUED = Answer(202, b'{"message":"queued"}')
_ERRORS = Answer(
    201,
    b'{"message":"success","errors":[{"type":"simulated: an id was not taken",'
    b'"input_array":"cohort_changes","index":0}]}',
)
_EMPTY = Answer(200, b"")
_PAGE = Answer(200, b"<!doctype html><title>Sign in</title><h1>Sign in</h1>\n", HTML)

_TAKEN = {Kind.QUEUED: _QUEUED, Kind.ERRORS: _ERRORS, Kind.EMPTY: _EMPTY}  # Else: success.

_DELIVERIES = {  # Else: whole.
    Kind.HANG: Delivery.HUNG,
    Kind.DROP_BEFORE: Delivery.CLOSED,
    Kind.DROP_AFTER: Delivery.CLOSED,
    Kind.DROP_IDLE: Delivery.LAST,
    Kind.TRUNCATE: Delivery.TRUNCATED,
    Kind.DRIP: Delivery.DRIPPED,
    Kind.HUGE: Delivery.PADDED,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the endpoints are made of; each can be changed while they serve."""

    workspace: Workspace
    quota: Quota
    keys: Keys
    faults: FaultList
    stats: Stats


class Braze:
    """The endpoints of one workspace for one partner, or for any where `partner` is None.

    A request is applied when it is handled, so in order of arrival, unless a fault delays it.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        partner: str | None,
        clock: Callable[[], float],
        schedule: Schedule,
    ) -> None:
        self._parts = parts
        self._partner = partner
        self._clock = clock
        self._schedule = schedule

    def resets(self, target: str) -> bool:
        """Return whether a fault cuts this request off before its body is read, and count it."""
        endpoint = self._endpoint(target)
        if endpoint is None or not self._parts.faults.early(endpoint):
            return False
        stats = self._parts.stats
        stats.record(SeenRequest(stats.arrive(), self._clock(), endpoint, "", 0, "reset"))
        return True

    def handle(self, method: str, target: str, body: bytes) -> Reaction:
        """Return what happens after a request; whatever it changes has been changed."""
        endpoint = self._endpoint(target)
        if endpoint is None or method != "POST":
            return Reaction(say(404))
        stats, now_s = self._parts.stats, self._clock()
        within = self._parts.quota.take(now_s)
        large = len(body) > BODY_MAX
        request = read_request(endpoint, b"" if large else body)
        caller = self._parts.keys.place(request.partner_api_key)
        arrival = Arrival(stats.arrive(), now_s, caller)
        self._count_violations(request, large=large)
        if not within:
            reaction = Reaction(say(429))
        elif large:
            reaction = Reaction(say(413))
        else:
            reaction = self._react(
                request, Candidate(endpoint, request.cohort, request.members, len(body)), arrival
            )
        ids = len(request.content) if isinstance(request.content, Update) else 0
        stats.record(
            SeenRequest(
                arrival.number, now_s, endpoint, request.cohort, ids, reaction.outcome, caller
            )
        )
        return self._with_headers(reaction, now_s)

    def _endpoint(self, target: str) -> str | None:
        """Return `cohorts` or `users`, or None where nothing is."""
        match target.partition("?")[0].split("/"):
            case ["", "partners", partner, "cohorts", *rest] if rest in ([], ["users"]):
                if self._partner is None or unquote(partner) == self._partner:
                    return "users" if rest else "cohorts"
        return None

    def _react(self, request: Request, candidate: Candidate, arrival: Arrival) -> Reaction:
        fault, delay_s = self._parts.faults.choose(candidate)
        judged = self._judge(request)
        if fault is None:
            if judged.accepted:
                self._apply(request, arrival)
            return Reaction(judged, delay_s=delay_s)
        apply_after_s = fault.apply_after_s
        if judged.accepted and apply_after_s == 0.0:
            self._apply(request, arrival)
        elif judged.accepted and apply_after_s is not None:
            self._apply_later(request, arrival, apply_after_s)
        return Reaction(
            self._answer(fault, judged),
            _DELIVERIES.get(fault.kind, Delivery.WHOLE),
            delay_s,
            fault.drip_s,
            fault.size if fault.kind is Kind.HUGE else 0,
        )

    def _judge(self, request: Request) -> Answer:
        """Return what Braze would answer, were nothing wrong with it."""
        if not request.readable and isinstance(request.content, Malformed):
            return say(400, request.content.text)
        objection = self._parts.keys.objection(request.partner_api_key, request.client_secret)
        if objection is not None:
            return say(401, objection)
        if isinstance(request.content, Malformed):
            return say(400, request.content.text)
        if self._is_orphan(request):
            return say(400, UNKNOWN_COHORT_TEXT)
        return _SUCCESS

    def _is_orphan(self, request: Request) -> bool:
        """Members of a cohort that was never announced. An empty list asks for nothing."""
        content = request.content
        if not isinstance(content, Update) or len(content) == 0:
            return False
        return not self._parts.workspace.has(content.cohort)

    def _answer(self, fault: Fault, judged: Answer) -> Answer:
        """Return the answer of a fault; a request that is refused anyway is still refused."""
        if fault.kind in {Kind.STATUS, Kind.LATE}:
            return say(fault.status, fault.message, self._extra(fault))
        if fault.kind is Kind.REDIRECT:
            return say(
                fault.status, fault.message, (*self._extra(fault), ("Location", fault.location))
            )
        if fault.kind is Kind.HTML:
            return _PAGE
        if not judged.accepted:
            return judged
        if fault.kind is Kind.BOMB:
            return Answer(200, make_bomb(fault.size), (*JSON, ("Content-Encoding", "gzip")))
        return _TAKEN.get(fault.kind, judged)

    def _extra(self, fault: Fault) -> Headers:
        """Return the headers that a fault says for itself; they win over those of the quota."""
        extra: list[tuple[str, str]] = []
        if fault.retry_after is not None:
            extra.append(("Retry-After", fault.retry_after))
        if fault.status == 429 or fault.reset is not None:  # noqa: PLR2004
            extra.append(("X-RateLimit-Remaining", "0"))
            extra.append(("X-RateLimit-Reset", self._reset(fault.reset)))
        return tuple(extra)

    def _reset(self, reset: str | None) -> str:
        """Return the reset's header; an empty one is left out."""
        odd = {"none": "", "malformed": "soon", "past": "0", "far": FAR_S}
        if reset in odd:
            return odd[reset]
        wait_s = RESET_S if reset is None else duration(reset)
        return str(ceil(self._clock() + wait_s))

    def _with_headers(self, reaction: Reaction, now_s: float) -> Reaction:
        headers = dict(self._parts.quota.headers(now_s))
        headers.update(reaction.answer.headers)
        said = tuple((name, value) for name, value in headers.items() if value)
        return replace(reaction, answer=replace(reaction.answer, headers=said))

    def _apply(self, request: Request, arrival: Arrival) -> None:
        workspace, content, now_s = self._parts.workspace, request.content, self._clock()
        if isinstance(content, Announcement):
            workspace.announce(content, arrival, now_s)
        elif isinstance(content, Update) and len(content) > 0:
            self._parts.stats.unknown_users += workspace.update(content, arrival, now_s)

    def _apply_later(self, request: Request, arrival: Arrival, delay_s: float) -> None:
        def apply() -> None:
            self._parts.stats.late -= 1
            self._apply(request, arrival)

        self._parts.stats.late += 1
        self._schedule(delay_s, apply)

    def _count_violations(self, request: Request, *, large: bool) -> None:
        stats, content = self._parts.stats, request.content
        if large:
            stats.violate(Violation.TOO_LARGE)
        elif isinstance(content, Update):
            stats.violate(Violation.BOTH_LISTS, both_lists(content))
            if self._is_orphan(request):
                stats.violate(Violation.UNKNOWN_COHORT)
        elif isinstance(content, Malformed) and content.text == IDS_MAX_TEXT:
            stats.violate(Violation.TOO_MANY_IDS)
