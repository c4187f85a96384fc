"""Planted bugs: each breaks one promise of the daemon, and the oracle must notice.

They live here only, as patches for as long as a run lasts. `recorded.py` says at which seed each
was caught first; a check of the checker runs around there, and `make canaries` looks anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from tests.simulation import (
    bugs_offsets,
    bugs_ownership,
    bugs_reading,
    bugs_sending,
    bugs_windows,
)
from tests.simulation.planting import Bug
from tests.simulation.runner import Verdict, run
from tests.simulation.scenario import WHOLE, Narrowing

BUGS: dict[str, Bug] = {
    **bugs_sending.BUGS,
    **bugs_windows.BUGS,
    **bugs_offsets.BUGS,
    **bugs_ownership.BUGS,
    **bugs_reading.BUGS,
}


@contextmanager
def plant(name: str) -> Iterator[None]:
    """Have a bug, for as long as this lasts; none where there is no name."""
    with ExitStack() as stack:
        for owner, attribute, replacement in BUGS[name].patches if name else ():
            stack.enter_context(patch.object(owner, attribute, replacement))
        yield


def run_planted(seed: int, arm: str, bug: str, narrowing: Narrowing = WHOLE) -> Verdict:
    """Run a world, with a bug or none; other processes can be asked to do this."""
    with plant(bug):
        return run(seed, arm, narrowing)


def is_caught(bug: str, verdict: Verdict) -> bool:
    """Tell whether a bug was noticed, and for the right reason."""
    return verdict.guarantee in BUGS[bug].guarantees
