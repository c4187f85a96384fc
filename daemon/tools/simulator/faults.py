"""The grammar of faults: what may go wrong at Braze, as one line of text each.

Owns parsing and the meaning of every word; docs/simulator.md explains them to people. It must not
know which request is hit (`fault_list`), nor how a fault is carried out (`braze`, `connection`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from daemon.errors import Problem, SettingsError
from daemon.tools.simulator import fault_values as values

T = TypeVar("T")

QUEUED_LATE_S = 1.0  # How much later a queued request is applied, unless told otherwise.


class Kind(Enum):
    """What a fault does; the value is the word that asks for it.

    The second half is applied before the answer goes wrong; the first is not, unless `late`.
    """

    STATUS = "status"
    LATE = "late"
    HANG = "hang"
    DROP_BEFORE = "drop=before"
    DROP_DURING = "drop=during"
    REDIRECT = "redirect"
    HTML = "html"

    DELAY = "delay"
    DROP_AFTER = "drop=after"
    DROP_IDLE = "drop=idle"
    TRUNCATE = "truncate"
    QUEUED = "queued"
    ERRORS = "errors"
    EMPTY = "empty"
    DRIP = "drip"
    HUGE = "huge"
    BOMB = "bomb"


_NOT_APPLIED = frozenset(
    (
        Kind.STATUS,
        Kind.LATE,
        Kind.HANG,
        Kind.DROP_BEFORE,
        Kind.DROP_DURING,
        Kind.REDIRECT,
        Kind.HTML,
    )
)
_SAYS = frozenset((Kind.STATUS, Kind.LATE, Kind.REDIRECT))
# Words that decide what a fault does; of these a spec has exactly one, but `status` may stand
# beside `redirect`, and `late` beside any.
_BARE = ("hang", "truncate", "queued", "errors", "html", "empty")
_VALUED: dict[str, tuple[str, Callable[[str], object]]] = {  # With their defaults.
    "redirect": ("http://elsewhere.invalid/", values.header),
    "drip": ("1s", values.duration),
    "huge": ("1GB", values.padding),
    "bomb": ("64MB", values.padding),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: what it does, and which requests it may hit."""

    spec: str
    kind: Kind
    status: int = 500
    message: str | None = None
    location: str = ""
    reset: str | None = None  # Seconds from now, or none, malformed, past, far.
    retry_after: str | None = None
    late_s: float | None = None
    delay_s: float = 0.0
    jitter_s: float = 0.0
    drip_s: float = 0.0
    size: int = 0
    rate: float = 1.0
    burst: int = 1
    count: int | None = None
    after: int = 0
    over: int = 0
    endpoint: str | None = None
    cohort: re.Pattern[str] | None = None
    member: re.Pattern[str] | None = None

    @property
    def apply_after_s(self) -> float | None:
        """How long after its arrival a request that is hit is applied; None for never."""
        if self.late_s is not None:
            return self.late_s
        if self.kind is Kind.QUEUED:
            return QUEUED_LATE_S
        return None if self.kind in _NOT_APPLIED else 0.0


_SELECTORS = ("rate", "count", "after", "cohort", "member", "endpoint", "over")
_DETAILS = ("message", "reset", "retry_after", "burst")
_KINDS = (*_BARE, *_VALUED, "status", "late", "delay", "drop")
_KNOWN = frozenset((*_KINDS, "jitter", *_DETAILS, *_SELECTORS))


class _Words:
    """The words of one spec, taken one by one; what is left over was not understood."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self.words: dict[str, str | None] = {}
        for part in spec.split(","):
            key, equals, value = (text.strip() for text in part.partition("="))
            if not key:
                raise self.problem("there is an empty word", "words stand between commas")
            if key not in _KNOWN:
                near = get_close_matches(key, _KNOWN, n=1)
                meant = f"did you mean {near[0]}?" if near else f"use {', '.join(sorted(_KNOWN))}"
                raise self.problem(f"{key} is not known", meant)
            if key in self.words:
                raise self.problem(f"{key} stands there twice", "write one fault for each")
            self.words[key] = value if equals else None

    def problem(self, what: str, remedy: str) -> SettingsError:
        return SettingsError([Problem(f"fault {self._spec!r}", what, remedy)])

    def take(self, key: str, read: Callable[[str], T]) -> T | None:
        """Return the value of a word that needs one, or None where the word is not there."""
        if key not in self.words:
            return None
        value = self.words.pop(key)
        if not value:
            raise self.problem(f"{key} needs a value", f"write {key}=…")
        try:
            return read(value)
        except ValueError as error:
            raise self.problem(f"{key}={value} is not possible", str(error)) from None


def parse_fault(spec: str) -> Fault:
    """Return the fault that a line such as `status=503,rate=0.1` describes.

    Raises SettingsError, with one line that names the word, where there is no such fault.
    """
    words = _Words(spec)
    late_s = words.take("late", values.duration)
    delay_s, jitter_s = words.take("delay", values.duration), words.take("jitter", values.duration)
    status = words.take("status", values.status)
    kind, value = _take_kind(words, status=status is not None)
    if kind is None:
        kind = Kind.LATE if late_s is not None else Kind.DELAY
        if late_s is None and delay_s is None and jitter_s is None:
            raise words.problem(
                "nothing says what goes wrong", f"add one of {', '.join(sorted(_KINDS))}"
            )
    fault = Fault(
        spec=spec,
        kind=kind,
        status=status or (307 if kind is Kind.REDIRECT else 500),
        message=words.take("message", str),
        location=(value or "") if kind is Kind.REDIRECT else "",
        reset=words.take("reset", values.reset),
        retry_after=words.take("retry_after", values.header),
        late_s=late_s,
        delay_s=delay_s or 0.0,
        jitter_s=jitter_s or 0.0,
        drip_s=values.duration(value or "") if kind is Kind.DRIP else 0.0,
        size=values.size(value or "") if kind in {Kind.HUGE, Kind.BOMB} else 0,
        rate=_given(words.take("rate", values.rate), 1.0),
        burst=words.take("burst", values.count) or 1,
        count=words.take("count", values.count),
        after=words.take("after", values.whole) or 0,
        over=words.take("over", values.size) or 0,
        endpoint=words.take("endpoint", values.endpoint),
        cohort=words.take("cohort", values.glob),
        member=words.take("member", values.glob),
    )
    _refuse_contradictions(words, fault)
    return fault


def _refuse_contradictions(words: _Words, fault: Fault) -> None:
    """Refuse words that would have no effect beside each other, rather than pass them over."""
    assert not words.words, words.words
    if (fault.message or fault.reset or fault.retry_after) and fault.kind not in _SAYS:
        raise words.problem(
            "message, reset and retry_after belong to an answer with a status", "add status=N"
        )
    unread = fault.cohort or fault.member or fault.over or fault.delay_s or fault.jitter_s
    if fault.kind is Kind.DROP_DURING and (unread or fault.late_s is not None):
        raise words.problem(
            "drop=during happens before the body is read",
            "use only endpoint, rate, burst, count and after beside it",
        )


def _take_kind(words: _Words, *, status: bool) -> tuple[Kind | None, str | None]:
    """Take the one word that says what the fault does, with its value, if it may have one."""
    found: list[tuple[Kind, str | None]] = []
    for word in _BARE:
        if word in words.words:
            if words.words.pop(word) is not None:
                raise words.problem(f"{word} takes no value", f"write only {word}")
            found.append((Kind(word), None))
    for word, (default, _) in _VALUED.items():
        if word in words.words:
            value = words.words.pop(word) or default
            _check(words, word, value)
            found.append((Kind(word), value))
    drop = words.take("drop", _drop)
    if drop is not None:
        found.append((drop, None))
    if status and [kind for kind, _ in found] != [Kind.REDIRECT]:
        found.append((Kind.STATUS, None))
    if len(found) > 1:
        both = " and ".join(kind.value for kind, _ in found)
        raise words.problem(f"{both} can't both happen to one request", "write one fault for each")
    return found[0] if found else (None, None)


def _check(words: _Words, word: str, value: str) -> None:
    try:
        _VALUED[word][1](value)
    except ValueError as error:
        raise words.problem(f"{word}={value} is not possible", str(error)) from None


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def _drop(text: str) -> Kind:
    try:
        return Kind(f"drop={text}")
    except ValueError:
        raise ValueError("write before, during, after or idle") from None
