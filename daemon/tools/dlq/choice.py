"""Which letters a command is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.config.document import one_line
from daemon.errors import Problem, SettingsError
from daemon.kafka.records import Reason
from daemon.tools.dlq.letter import DeadLetter


@dataclass(frozen=True, slots=True)
class Choice:
    """All that are asked for must hold; without any, every letter is chosen."""

    reasons: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    cohorts: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def is_all(self) -> bool:
        """Nothing is left out."""
        return self == Choice()

    def takes(self, letter: DeadLetter, cohorts: Iterable[str]) -> bool:
        """Tell whether a letter is chosen; `cohorts` are those it is about, as far as is known."""
        at_ms = letter.timestamp_ms
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or (letter.source and letter.source.topic) in self.topics)
            and (not self.cohorts or not self.cohorts.isdisjoint(cohorts))
            and (self.since_ms is None or (at_ms is not None and at_ms >= self.since_ms))
            and (self.until_ms is None or (at_ms is not None and at_ms < self.until_ms))
        )


def check_reasons(reasons: Iterable[str]) -> frozenset[str]:
    """Return the reasons; raise SettingsError for one that is none."""
    wanted = frozenset(reasons)
    unknown = sorted(wanted - set(Reason))
    if unknown:
        what = f"{one_line(unknown[0])} is no reason"
        remedy = f"the reasons are {', '.join(Reason)}"
        raise SettingsError([Problem("--reason", what, remedy)])
    return wanted


def parse_time_ms(option: str, text: str | None) -> int | None:
    """Return the Unix time of an ISO-8601 text, UTC unless it says otherwise."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        what = f"{one_line(text)} is no time"
        raise SettingsError([Problem(option, what, "write it like 2026-02-03T04:05:06Z")]) from None
