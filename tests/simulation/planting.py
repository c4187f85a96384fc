"""What a planted bug is: a patch of the daemon, and the guarantee that it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

# Whose attribute is replaced, which one, and by what.
Patch: TypeAlias = tuple[type | ModuleType, str, Any]


@dataclass(frozen=True, slots=True)
class Bug:
    """The guarantees of which one must be named when it is found: another would be luck."""

    guarantees: tuple[str, ...]
    patches: tuple[Patch, ...]
    arm: str = "storm"


def bug(guarantees: str, *patches: Patch, arm: str = "storm") -> Bug:
    """Say briefly what a bug is; the guarantees with a comma between."""
    return Bug(tuple(guarantees.split(", ")), patches, arm)
