"""What librdkafka complains of, in words that name the setting to change.

It owns the reading of librdkafka's texts: which broker, at what step, and what that means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError

from daemon.tools.check.finding import Finding, problem

_SHOWN_MAX: Final = 4
_BOOTSTRAP: Final = "bootstrap"
_COORDINATOR: Final = "of the group"

# `sasl_ssl://host:9092/bootstrap: What was wrong (after 0ms in state CONNECT)`, the number of the
# broker in place of `bootstrap` once the cluster has told it.
_TEXT: Final = re.compile(
    r"(?:(?P<group>GroupCoordinator): )?(?:\w+://)?(?P<at>[^\s/]+?)(?:/(?P<id>bootstrap|-?\d+))?"
    r": (?P<what>.*?)"
    r"(?: \(after \d+ms in state (?P<state>\w+)(?:, \d+ identical error\(s\) suppressed)?\))?"
    r"(?: \(_[A-Z_]+\))?",
    re.DOTALL,
)
_CONNECT: Final = re.compile(r"Connect to \S+ failed: ")
_SUMS: Final = frozenset({"_ALL_BROKERS_DOWN"})  # Says only that others were said.

_IN_HANDSHAKE: Final = "(in the TLS handshake)"
_CLOSED: Final = "(right after connecting)"
_PROTOCOL: Final = "kafka.properties.security.protocol"
_SERVERS: Final = "kafka.bootstrap_servers"
_ADDRESS: Final = "correct the address, or start the broker"
_UNREACHED: Final = frozenset({"_TRANSPORT", "_RESOLVE", "_TIMED_OUT"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """One complaint: librdkafka's name for it, which broker it is about, and its words."""

    code: str
    text: str
    at: str = ""  # Empty where it is about no one broker.
    broker: str = _BOOTSTRAP

    @property
    def advertised(self) -> bool:
        """The address came from the cluster, not from the configuration."""
        return self.broker != _BOOTSTRAP


# What a complaint is told by, the setting it is about, what to do: the first that applies.
_CAUSES: Final[tuple[tuple[Callable[[Trouble], bool], str, str], ...]] = (
    (
        lambda trouble: trouble.code == "_AUTHENTICATION",
        "kafka.properties.sasl.*",
        "correct the user, the password or sasl.mechanism (kafka.oauth: kafka-cluster:Connect)",
    ),
    (
        lambda trouble: trouble.code == "_SSL",
        "kafka.properties.ssl.*",
        "see ssl.ca.location, the name in the broker's certificate, and this machine's clock",
    ),
    (
        lambda trouble: "PLAINTEXT broker" in trouble.text or _IN_HANDSHAKE in trouble.text,
        _PROTOCOL,
        "that port seems to speak no TLS: use the broker's TLS port, or change the protocol",
    ),
    (
        lambda trouble: "SSL listener" in trouble.text,
        _PROTOCOL,
        "set it to ssl or sasl_ssl if that port wants TLS",
    ),
    (
        lambda trouble: _CLOSED in trouble.text and not trouble.advertised,
        _PROTOCOL,
        "the broker may ask for TLS or a password: set this, and the sasl.* that it needs",
    ),
)


def read_trouble(code: str, text: str) -> Trouble:
    """Take librdkafka's text apart, as far as it is of the known form."""
    match = _TEXT.fullmatch(text)
    if match is None or (match["id"] is None and match["group"] is None):
        return Trouble(code, text)
    what = _CONNECT.sub("", match["what"])
    if code == "_RESOLVE":
        what = what.rpartition("': ")[2]
    if "SSL" in (match["state"] or "") and code == "_TRANSPORT" and "handshake" not in what:
        what = f"{what} {_IN_HANDSHAKE}"
    if match["state"] == "UP" and what.startswith(("Disconnected", "Send failed")):
        what = f"the broker ends the connection {_CLOSED}"
    return Trouble(code, what, match["at"], match["id"] or _COORDINATOR)


class Troubles:
    """Collects complaints, each kind of each broker once. Registered as `error_cb`."""

    def __init__(self) -> None:
        self.all_down = False
        self._seen: dict[tuple[str, str], Trouble] = {}

    def add(self, error: KafkaError) -> None:
        """Note one; it must not raise."""
        self.all_down |= error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
        if error.name() in _SUMS:
            return
        trouble = read_trouble(error.name(), error.str())
        key = (trouble.code, trouble.at or trouble.text)
        known = self._seen.get(key)
        # A later text of the same kind may say more: librdkafka guesses the cause at the second.
        if known is None or _worth(trouble) > _worth(known):
            self._seen[key] = trouble

    def forget(self) -> None:
        """Drop what was complained of before it went well: the next address of a name, say."""
        self.all_down = False
        self._seen.clear()

    def __bool__(self) -> bool:
        return bool(self._seen)

    def findings(self) -> list[Finding]:
        """Return a line for each broker and kind, the telling ones first, and not too many."""
        every = sorted(self._seen.values(), key=lambda trouble: trouble.code == "_TRANSPORT")
        return [explain(trouble) for trouble in every[:_SHOWN_MAX]]


def _worth(trouble: Trouble) -> tuple[bool, int]:
    return trouble.broker != _COORDINATOR, len(trouble.text)


def explain(trouble: Trouble) -> Finding:
    """Return what a complaint means: where to look, and what to do."""
    told = f"{trouble.at}: {trouble.text}" if trouble.at else trouble.text
    for applies, where, remedy in _CAUSES:
        if applies(trouble):
            return problem(where, told, remedy)
    if trouble.advertised:
        return problem(
            f"broker {trouble.broker}",
            f"the cluster says it is at {trouble.at}, which can't be reached: {trouble.text}",
            "make that address reachable from here, or correct advertised.listeners at the broker",
        )
    if trouble.code in _UNREACHED:
        return problem(_SERVERS, f"{trouble.at} can't be reached: {trouble.text}", _ADDRESS)
    return problem("kafka.properties", f"{told} ({trouble.code})", "correct the property it means")
