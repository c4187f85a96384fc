"""The rules between settings: each names the settings it compares and the guarantee behind it.

A rule looks at valid values only and is skipped where one of them is missing or bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from daemon.config.braze import BrazeSettings
from daemon.config.durations import duration_text
from daemon.config.kafka_properties import PropertyValue, Unusable, text_of, vet_properties
from daemon.config.noted import Noted, Unchecked, Values
from daemon.config.oauth import vet_oauth, vet_signer
from daemon.config.plaintext import check_plaintext
from daemon.config.sections import (
    BackoffSettings,
    DeadLetterSettings,
    DeliverySettings,
    KafkaSettings,
    MemorySettings,
    ShutdownSettings,
)
from daemon.config.timing import (
    DRAIN_MARGIN_S,
    REVOKE_MARGIN_S,
    Timing,
    read_timing,
)
from daemon.config.topic_rules import check_own_topics, check_registry, check_topics
from daemon.core.lease import MARGIN_S, SHORTEST_S, lease_length_s
from daemon.core.sender import SEARCH_PAUSE_S
from daemon.core.tenure import RESERVE
from daemon.errors import Problem

_S = duration_text

# What waits between two tries at Kafka, or holds an answer back, may be this long, or there would
# be no progress within 30 s of a fault's end.
_WAIT_MS_MAX = 20_000
_WAITS = (
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "retry.backoff.ms",
    "retry.backoff.max.ms",
    "fetch.error.backoff.ms",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
)


def check_between(values: Values, top: type[Noted]) -> list[Problem]:
    """Return every rule broken."""
    problems: list[Problem] = []
    for rule in _RULES:
        try:
            problems.extend(rule(values, top))
        except Unchecked:
            continue
    return problems


def _check_address(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    given = [values.given(BrazeSettings, name) for name in ("cluster", "endpoint")]
    if all(given):
        yield Problem("braze.cluster", "stands beside braze.endpoint", "keep one of the two")
    if not any(given):
        remedy = "set braze.cluster, like US-01, or braze.endpoint, like https://rest.example.com"
        yield Problem("braze", "neither cluster nor endpoint is set", remedy)


def _check_properties(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    properties = values.get(KafkaSettings, "properties", dict)
    if values.get(KafkaSettings, "oauth", object) is None:
        yield from vet_properties(properties)
        return
    yield from vet_signer()
    yield from vet_properties(properties, vet_oauth(properties), tokens=True)


def _check_session(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    session_s = values.get(KafkaSettings, "session_timeout", object)
    if session_s is not None and not _timing(values).consumer_protocol:
        yield Problem(
            "kafka.session_timeout",
            "is for kafka.properties group.protocol=consumer only",
            "set session.timeout.ms in kafka.properties instead",
        )


def _check_lease(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    timing, request_s = _timing(values), values.get(DeliverySettings, "request_timeout", float)
    if timing.session_s is None:
        return
    lease_s = lease_length_s(timing.session_s, timing.heartbeat_s, request_s)
    if lease_s < SHORTEST_S:
        least_s = SHORTEST_S + timing.heartbeat_s + request_s + MARGIN_S
        session = "session_timeout" if timing.consumer_protocol else "properties.session.timeout.ms"
        left = f"-{_S(-lease_s)}" if lease_s < 0 else _S(lease_s)
        yield Problem(
            f"kafka.{session}",
            f"{_S(timing.session_s)} leaves a lease of {left}: session {_S(timing.session_s)}"
            f" - heartbeat.interval.ms {_S(timing.heartbeat_s)}"
            f" - delivery.request_timeout {_S(request_s)} - {_S(MARGIN_S)} must be at least"
            f" {_S(SHORTEST_S)} (G6)",
            f"make the session at least {_S(least_s)}, or lower delivery.request_timeout",
        )


def _check_revoke(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    timing, request_s = _timing(values), values.get(DeliverySettings, "request_timeout", float)
    if request_s + REVOKE_MARGIN_S >= timing.poll_s / 2:
        yield Problem(
            "kafka.properties.max.poll.interval.ms",
            f"{_S(timing.poll_s)} is too short: delivery.request_timeout {_S(request_s)}"
            f" + {_S(REVOKE_MARGIN_S)} must be below half of it, or ownership moves in silence",
            f"make it more than {_S(2 * (request_s + REVOKE_MARGIN_S))}",
        )


def _check_grace(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    grace_s = values.get(ShutdownSettings, "grace", float)
    request_s = values.get(DeliverySettings, "request_timeout", float)
    if grace_s < request_s + DRAIN_MARGIN_S:
        yield Problem(
            "shutdown.grace",
            f"{_S(grace_s)} is too short: a request on the wire may take"
            f" delivery.request_timeout {_S(request_s)}, and then {_S(DRAIN_MARGIN_S)} go to"
            " dead letters, the last commit and leaving the group (G14)",
            f"make it at least {_S(request_s + DRAIN_MARGIN_S)}",
        )


def _check_backoff(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    initial_s = values.get(BackoffSettings, "initial", float)
    max_s = values.get(BackoffSettings, "max", float)
    if initial_s > max_s:
        yield Problem(
            "delivery.backoff.initial",
            f"{_S(initial_s)} is longer than delivery.backoff.max {_S(max_s)}",
            "the first wait is the shortest",
        )


def _check_give_up(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    give_up_s = values.get(BackoffSettings, "give_up_after", float)
    settle_s = values.get(DeliverySettings, "settle", float)
    at, least_s = "delivery.backoff.give_up_after", SEARCH_PAUSE_S + settle_s
    if give_up_s < least_s:
        yield Problem(
            at,
            f"{_S(give_up_s)} is too short: a refused batch is searched on after"
            f" {_S(SEARCH_PAUSE_S)}, and what got no answer may be applied for delivery.settle"
            f" {_S(settle_s)}, so members would be given up that are on their way (G12)",
            f"make it at least {_S(least_s)}, or never",
        )
    if give_up_s < float("inf") and values.get(DeadLetterSettings, "topic", object) is None:
        yield Problem(
            at,
            f"is {_S(give_up_s)}, but dead_letter.topic is null: what is given up must become a"
            " dead letter (G2)",
            "set dead_letter.topic, or make it never",
        )


def _check_memory(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    pending = values.get(MemorySettings, "max_pending_changes", int)
    if pending < RESERVE:
        yield Problem(
            "memory.max_pending_changes",
            f"{pending} is too little: a take-over reads up to {RESERVE} records again, and they"
            " must fit, or an older state may be shown after a newer one (G5)",
            f"make it at least {RESERVE}",
        )


def _check_patience(values: Values, top: type[Noted]) -> Iterator[Problem]:
    del top
    properties: dict[str, PropertyValue] = values.get(KafkaSettings, "properties", dict)
    for name in _WAITS:
        wait_ms = _number(properties, name)
        if wait_ms is not None and wait_ms > _WAIT_MS_MAX:
            yield Problem(
                f"kafka.properties.{name}",
                f"{wait_ms} is too long for progress within 30s of the end of a fault (G10)",
                f"make it at most {_WAIT_MS_MAX}",
            )
    if (_number(properties, "topic.metadata.refresh.interval.ms") or 0) < 0:
        yield Problem(
            "kafka.properties.topic.metadata.refresh.interval.ms",
            "-1 looks never, so that partitions added to a topic of inputs would not be read (G1)",
            "leave it out",
        )
    answer_ms = _number(properties, "socket.timeout.ms")
    held_ms = _number(properties, "fetch.wait.max.ms") or 0
    if answer_ms is not None and answer_ms < held_ms + 1000:
        yield Problem(
            "kafka.properties.socket.timeout.ms",
            f"{answer_ms} must be 1000 above fetch.wait.max.ms {held_ms}, or every quiet fetch"
            " fails (G10)",
            f"make it at least {held_ms + 1000}",
        )


def _number(properties: dict[str, PropertyValue], name: str) -> int | None:
    value = properties.get(name)
    if value is None or isinstance(value, Unusable):
        return None
    try:
        return int(text_of(value))
    except ValueError:
        return None  # Said of the property itself.


def _timing(values: Values) -> Timing:
    session_s = values.get(KafkaSettings, "session_timeout", object)
    timing = read_timing(
        values.get(KafkaSettings, "properties", dict),
        session_s if isinstance(session_s, float) else None,
    )
    if timing is None:
        raise Unchecked
    return timing


_RULES: tuple[Callable[[Values, type[Noted]], Iterator[Problem]], ...] = (
    _check_properties,
    check_plaintext,
    _check_session,
    _check_lease,
    _check_revoke,
    _check_grace,
    _check_backoff,
    _check_give_up,
    _check_memory,
    _check_patience,
    _check_address,
    check_topics,
    check_own_topics,
    check_registry,
)
