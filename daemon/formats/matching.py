"""A condition on a column: whether it holds for a row."""

from __future__ import annotations

from typing import Any

import msgspec

from daemon.config.mapping import Condition, OldWhen
from daemon.formats.logical import Path
from daemon.formats.values import MISSING, Source, exact, is_one_of


class Matching(msgspec.Struct, frozen=True):
    """Whether a column holds one of some values, or is there at all; absent, it doesn't."""

    column: Path
    allowed: frozenset[tuple[bool, Any]] | None
    exists: bool | None = None

    @classmethod
    def of(cls, condition: Condition | OldWhen) -> Matching:
        """Compile what the configuration says."""
        allowed = None if condition.in_ is None else frozenset(exact(condition.in_))
        return cls(condition.column, allowed, getattr(condition, "exists", None))

    def holds(self, source: Source) -> bool:
        """Tell whether it holds for a row."""
        raw = source.column(self.column)
        if self.allowed is None:
            return (raw is not MISSING) is self.exists
        return raw is not MISSING and is_one_of(raw, self.allowed)
