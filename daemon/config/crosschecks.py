"""The rules between settings: each names the settings it compares and the guarantee behind it.

A rule looks at valid values only and is skipped where one of them is missing or bad.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from daemon.config.braze import BrazeSettings
from daemon.config.durations import duration_text
from daemon.config.inputs import InputSettings
from daemon.config.kafka_properties import vet_properties
from daemon.config.noted import Noted, Unchecked, Values
from daemon.config.sections import (
    BackoffSettings,
    DeadLetterSettings,
    DeliverySettings,
    KafkaSettings,
    ShutdownSettings,
)
from daemon.config.timing import (
    DRAIN_MARGIN_S,
    REVOKE_MARGIN_S,
    Timing,
    read_timing,
)
from daemon.core.lease import MARGIN_S, SHORTEST_S, lease_length_s
from daemon.errors import Problem

_S = duration_text


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
    yield from vet_properties(values.get(KafkaSettings, "properties", dict))


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


def _check_topics(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """A topic in two inputs would be read in two ways; patterns are compared with names only."""
    inputs: tuple[InputSettings, ...] = values.get(top, "inputs", tuple)
    for second, later in enumerate(inputs):
        for first, earlier in enumerate(inputs[:second]):
            if _overlap(earlier, later):
                key = "topic" if later.topic is not None else "pattern"
                what = f"takes a topic that inputs[{first}] takes already"
                yield Problem(f"inputs[{second}].{key}", what, "a topic stands in one input only")


def _check_dead_letters(values: Values, top: type[Noted]) -> Iterator[Problem]:
    topic = values.get(DeadLetterSettings, "topic", object)
    if not isinstance(topic, str):
        return
    for number, each in enumerate(values.get(top, "inputs", tuple)):
        if _takes(each, topic):
            what = f"is read by inputs[{number}], so that a dead letter would be read again"
            yield Problem("dead_letter.topic", what, "name another topic, or narrow the input")


def _overlap(one: InputSettings, other: InputSettings) -> bool:
    if one.pattern is not None and one.pattern == other.pattern:
        return True
    return any(
        name is not None and _takes(taker, name)
        for name, taker in ((one.topic, other), (other.topic, one))
    )


def _takes(each: InputSettings, topic: str) -> bool:
    if each.pattern is not None:
        return re.fullmatch(each.pattern, topic) is not None
    return each.topic == topic


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
    _check_session,
    _check_lease,
    _check_revoke,
    _check_grace,
    _check_backoff,
    _check_address,
    _check_topics,
    _check_dead_letters,
)
