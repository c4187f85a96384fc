"""What a check found: one line each, saying what, where and what to do.

It owns how findings are shown, and that no line shows a secret or breaks in two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from daemon.config.document import one_line
from daemon.config.secrets import MASK

LINE_CHARS_MAX: Final = 600
_SECRET_CHARS_LEAST: Final = 4  # Masking a shorter one would blank ordinary words.


class Level(StrEnum):
    """How much a finding matters. Only a problem decides the exit code."""

    OK = "ok"
    NOTE = "note"  # Good to know.
    WARNING = "warning"  # It runs, and may not do what you expect.
    PROBLEM = "problem"  # It does not work like this.


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: the setting, topic or partition it is about, and what is so."""

    level: Level
    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}"
        return f"{text}; {self.remedy}" if self.remedy else text


@dataclass(frozen=True, slots=True)
class Group:
    """Findings about one thing, under its title."""

    title: str
    findings: tuple[Finding, ...]


def ok(where: str, what: str) -> Finding:
    """Return that this is as it must be."""
    return Finding(Level.OK, where, what)


def note(where: str, what: str, remedy: str = "") -> Finding:
    """Return what is good to know."""
    return Finding(Level.NOTE, where, what, remedy)


def warning(where: str, what: str, remedy: str) -> Finding:
    """Return what may not be meant."""
    return Finding(Level.WARNING, where, what, remedy)


def problem(where: str, what: str, remedy: str) -> Finding:
    """Return what does not work, with what to do about it."""
    return Finding(Level.PROBLEM, where, what, remedy)


def count(number: int, noun: str) -> str:
    """Return `1 topic` or `1,204 topics`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the names with commas between, and how many more there are."""
    every = list(names)
    more = [f"and {len(every) - most:,} more"] if len(every) > most else []
    return ", ".join([*every[:most], *more])


def render(groups: Sequence[Group], secrets: Iterable[str]) -> list[str]:
    """Return the lines to print, the last of them the sum of it all."""
    lines: list[str] = []
    for group in groups:
        lines += ["", group.title]
        lines += [f"  {finding.level:<8} {finding}" for finding in group.findings]
    masked = sorted((s for s in secrets if len(s) >= _SECRET_CHARS_LEAST), key=len, reverse=True)
    lines = [one_line(_mask(line, masked), LINE_CHARS_MAX) for line in lines]
    return [*lines, "", _sum(groups)]


def problems_in(groups: Iterable[Group]) -> int:
    """Count what does not work."""
    return _count(groups, Level.PROBLEM)


def _sum(groups: Sequence[Group]) -> str:
    problems, warnings = _count(groups, Level.PROBLEM), _count(groups, Level.WARNING)
    told = count(problems, "problem") if problems else "no problem"
    return f"check: {told}, {count(warnings, 'warning') if warnings else 'no warning'}"


def _count(groups: Iterable[Group], level: Level) -> int:
    return sum(finding.level is level for group in groups for finding in group.findings)


def _mask(line: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        line = line.replace(secret, MASK)
    return line
