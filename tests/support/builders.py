"""Builders of the core's nouns with defaults, so that a test shows only what matters to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from daemon.core.intent import Intent
from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Flush, Lane, Outcome, Partition
from daemon.core.queue import WindowRules
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import Start
from daemon.core.turn import Turn
from daemon.core.verdict import Answer, Quota, Sent, Verdict

P0 = Partition("members", 0)
P1 = Partition("members", 1)
P2 = Partition("members", 2)
TURN = Turn(0.0, 2.0)

_lane_tickets = itertools.count(1_000_000)
_flush_ids = itertools.count(1_000_000)

# Answers of Braze.
ACCEPTED = Answer(Verdict.ACCEPTED, Sent.ANSWERED, "ok", 201)
QUEUED = Answer(Verdict.ACCEPTED, Sent.AMBIGUOUS, "queued", 202)
REFUSED = Answer(Verdict.REFUSED, Sent.ANSWERED, "refused", 400, "not a valid id")
SECRET = Answer(Verdict.BLOCKED, Sent.ANSWERED, "client_secret", 401)
NOT_FOUND = Answer(Verdict.BLOCKED, Sent.ANSWERED, "not_found", 404)
LOCKED = Answer(Verdict.RETRY, Sent.ANSWERED, "locked", 423)
SERVER_ERROR = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "server_error", 500)
TIMEOUT = Answer(Verdict.RETRY, Sent.AMBIGUOUS, "timeout")
NO_CONNECTION = Answer(Verdict.RETRY, Sent.UNSENT, "connect")
IDLE_RESET = Answer(Verdict.RETRY, Sent.UNSENT, "reset")


def rate_limited(reset_at_s: float | None = None, retry_after_s: float | None = None) -> Answer:
    quota = Quota(reset_at_s=reset_at_s)
    return Answer(
        Verdict.RETRY, Sent.ANSWERED, "rate_limited", 429, quota=quota, retry_after_s=retry_after_s
    )


def members(count: int, *, add: bool = True, prefix: str = "user") -> Changes:
    return {f"{prefix}-{number}": add for number in range(count)}


def run_of(
    changes: Mapping[str, Changes],
    first: int = 0,
    *,
    partition: Partition = P0,
    after: int | None = None,
    names: Mapping[str, str] | None = None,
) -> ChangeSet:
    """Return a decoded run at this offset, one record a change where `after` does not say."""
    count = sum(map(len, changes.values()))
    end = first + max(1, count) if after is None else after
    return ChangeSet(partition, first, end, changes, count, names or {})


def lane_of(
    changes: Changes,
    *,
    partition: Partition = P0,
    ticket: int | None = None,
    top: int = 0,
    opened_at_s: float = 0.0,
) -> Lane:
    ticket = next(_lane_tickets) if ticket is None else ticket
    return Lane(partition, ticket, changes, top, opened_at_s)


def flush_of(
    changes: Changes,
    *,
    cohort: str = "gold",
    name: str | None = None,
    flush_id: int | None = None,
    turn: Turn = TURN,
) -> Flush:
    flush_id = next(_flush_ids) if flush_id is None else flush_id
    return Flush(flush_id, cohort, name or cohort, (lane_of(changes),), changes, 0.0, turn)


def relay_of(
    partitions: Iterable[Partition] = (P0,),
    *,
    windows: WindowRules | None = None,
    pending_max: int = 1_000_000,
    names: Mapping[str, str] | None = None,
) -> Relay:
    """Return a relay that owns these from offset 0, free to seal until an hour has passed."""
    rules = RelayRules(windows or WindowRules(), names or {}, pending_max, "f1")
    relay = Relay(rules, Lease(3600.0))
    relay.assign({partition: Start(0) for partition in partitions})
    acknowledge(relay, 0.0)
    return relay


def acknowledge(relay: Relay, now_s: float) -> list[Intent]:
    """Commit for all that is owned, and let the broker take it."""
    intents = relay.intents(list(relay.tenures), now_s)
    relay.acknowledge(intents, now_s)
    return intents


def committable(relay: Relay, partition: Partition = P0) -> int:
    return relay.tenures[partition].ledger.committable()[0]


def accepted(flush: Flush) -> Outcome:
    return Outcome(flush.id)


def abandoned(flush: Flush, left: Changes | None = None) -> Outcome:
    return Outcome(flush.id, left=dict(flush.changes) if left is None else left, abandoned=True)


def seal_all(relay: Relay, now_s: float = 0.0) -> list[Flush]:
    """Seal whatever may leave now, whatever its age."""
    return relay.seal(now_s, capacity=1_000_000, drain=True)


def cohorts(flushes: Sequence[Flush]) -> list[str]:
    return [flush.cohort for flush in flushes]
