"""Braze beside the log: what is missing, what is too much, what else went wrong.

Pure: it decides whether the demo passed, and in which words it failed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from daemon.core.model import Alias, Device, Member
from daemon.tools.demo.fold import Folded, Place

FAILURES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What the demo found at the end, beside the log."""

    members: Mapping[str, frozenset[Member]]  # At Braze, by cohort.
    names: Mapping[str, str]  # At Braze, by cohort.
    dead_letters: Collection[Place]  # The records that the dead letters are made of.
    violations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CohortRow:
    """One cohort on both sides."""

    id: str
    name_expected: str
    name: str
    expected: int
    found: int
    missing: tuple[Member, ...] = ()
    extra: tuple[Member, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the cohort at Braze is what the log says."""
        return not self.missing and not self.extra and self.name == self.name_expected


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict, row by row."""

    rows: tuple[CohortRow, ...]
    dead_letters_expected: int
    dead_letters_found: int
    dead_letters_wrong: tuple[Place, ...]  # Missing, or of a record that was good.
    violations: Mapping[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether everything is as the log says."""
        return not self.failures()

    def failures(self) -> list[str]:
        """Return a line for each difference, naming cohort and member; none when all is equal."""
        lines = [line for row in self.rows for line in _row_failures(row)]
        lines += [
            f"dead letters: partition {place.partition}, offset {place.offset}:"
            " the record and the letters disagree"
            for place in self.dead_letters_wrong
        ]
        lines += [f"violation {name}: {count}" for name, count in self.violations.items() if count]
        if len(lines) > FAILURES_SHOWN_MAX:
            more = len(lines) - FAILURES_SHOWN_MAX
            lines = [*lines[:FAILURES_SHOWN_MAX], f"and {more} more differences"]
        return lines


def compare(log: Folded, found: Found) -> Comparison:
    """Put both sides beside each other, every cohort that either knows."""
    return Comparison(
        rows=tuple(
            _row(cohort, log, found) for cohort in sorted(log.members.keys() | found.members.keys())
        ),
        dead_letters_expected=len(log.broken),
        dead_letters_found=len(set(found.dead_letters)),
        dead_letters_wrong=tuple(sorted(log.broken.symmetric_difference(found.dead_letters))),
        violations=dict(found.violations),
    )


def _row(cohort: str, log: Folded, found: Found) -> CohortRow:
    expected = log.members.get(cohort, set())
    actual = found.members.get(cohort, frozenset())
    return CohortRow(
        id=cohort,
        name_expected=log.names.get(cohort, ""),
        name=found.names.get(cohort, ""),
        expected=len(expected),
        found=len(actual),
        missing=tuple(sorted(expected - actual, key=spell)),
        extra=tuple(sorted(actual - expected, key=spell)),
    )


def _row_failures(row: CohortRow) -> list[str]:
    lines = [f"cohort {row.id}: {spell(member)} is missing at Braze" for member in row.missing]
    lines += [f"cohort {row.id}: {spell(member)} should not be there" for member in row.extra]
    if row.name != row.name_expected:
        lines.append(f"cohort {row.id}: is called {row.name!r} at Braze, not {row.name_expected!r}")
    return lines


def spell(member: Member) -> str:
    """Return a member as a person would write it."""
    if isinstance(member, Alias):
        return f"{member.label} {member.name}"
    return f"device {member.id}" if isinstance(member, Device) else f"user {member}"
