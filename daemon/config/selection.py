"""Which cohorts are ours: the globs of `cohorts.include` and `cohorts.exclude`.

It knows nothing of the prefix: globs are on the ids as they stand in the records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate


class CohortSelection:
    """Compiled once; a caller that asks per event remembers the answers itself.

    A glob is case-sensitive and knows `*`, `?`, `[abc]` and `[!abc]`. Exclusion wins.
    """

    __slots__ = ("_exclude", "_include")

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _compile(include)
        self._exclude = _compile(exclude)

    def cohort_selected(self, cohort_id: str) -> bool:
        """Return whether a change of this cohort is to be delivered."""
        return bool(self._include.match(cohort_id)) and not self._exclude.match(cohort_id)


def plain_ids(globs: Sequence[str]) -> list[str]:
    """Return the globs that name one cohort: those without a wildcard."""
    return [glob for glob in globs if not set("*?[") & set(glob)]


def _compile(globs: Sequence[str]) -> re.Pattern[str]:
    """One expression for all globs; one that matches nothing for none."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)")
