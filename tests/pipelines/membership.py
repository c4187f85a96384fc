"""A table of memberships that changes at random, and what it says who is where."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

COHORTS = ("vip", "lapsed", "trial")

What: TypeAlias = Literal["insert", "update", "delete"]


class Row(NamedTuple):
    """Who is, or was, in which cohort."""

    cohort: str
    user: str
    status: str = "active"


class Table:
    """Rows by a surrogate key. A cohort and user stand in one row at most."""

    def __init__(self, seed: int) -> None:
        self.rows: dict[int, Row] = {}
        self._chance = random.Random(seed)
        self._next_id = 0

    def changes(self, count: int) -> Iterator[tuple[What, Row | None, Row | None]]:
        """Change the table so often; yield each change with the row before and after."""
        for _ in range(count):
            what: What = self._chance.choices(("insert", "update", "delete"), (5, 4, 2))[0]
            if what == "insert" or not self.rows:
                row = self._free(Row(self._chance.choice(COHORTS), self._user()))
                self._next_id += 1
                self.rows[self._next_id] = row
                yield "insert", None, row
                continue
            at = self._chance.choice(list(self.rows))
            before = self.rows[at]
            if what == "delete":
                del self.rows[at]
                yield "delete", before, None
                continue
            status = self._chance.choice(("active", "paused"))
            moved = self._chance.random() < 0.5
            cohort = self._chance.choice(COHORTS) if moved else before.cohort
            after = Row(cohort, before.user, status)
            if moved and self._taken(after):
                continue
            self.rows[at] = after
            yield "update", before, after

    def members(self) -> dict[str, set[str]]:
        """Return who is in which cohort; an empty cohort is left out."""
        found: dict[str, set[str]] = {}
        for row in self.rows.values():
            if row.status == "active":
                found.setdefault(row.cohort, set()).add(row.user)
        return found

    def _user(self) -> str:
        return f"u{self._chance.randrange(60)}"

    def _taken(self, row: Row) -> bool:
        return any(each[:2] == row[:2] for each in self.rows.values())

    def _free(self, row: Row) -> Row:
        while self._taken(row):
            row = Row(self._chance.choice(COHORTS), self._user() + "x")
        return row
