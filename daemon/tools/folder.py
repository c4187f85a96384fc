"""A folder for what a command writes while it runs, removed with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.errors import CohortdError


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Give a folder of one's own; raise CohortdError where none can be made."""
    try:
        made = tempfile.TemporaryDirectory(prefix=prefix)
    except OSError as error:
        raise CohortdError(
            f"no temporary folder can be made: {error.strerror or error};"
            " name a folder that can be written to: TMPDIR=…"
        ) from None
    with made as folder:
        yield Path(folder)
