"""The commands run on a stage's configuration, as a person runs them without a terminal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.stage import Stage


@dataclass(frozen=True)
class Said:
    """How the command ended, and what it said where."""

    code: int
    out: str
    errors: str

    def row(self, partition: int = 0) -> list[str]:
        """Return the words of a partition's line of `show`."""
        lines = [line.split() for line in self.out.splitlines()]
        return next(words for words in lines if words and words[0].endswith(f":{partition}"))


def command(
    stage: Stage, *words: str, changes: Mapping[str, object] | None = None, answer: str = ""
) -> Said:
    """Run a command to its end; no traceback and no secret is in what it says.

    The configuration stands behind its first word. With an answer, stdin is a terminal where a
    person has typed it.
    """
    file = stage.folder / "command.yaml"
    file.write_text(yaml.safe_dump(stage.config(changes)))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COHORTD_")}
    with _stdin(answer) as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "daemon", words[0], "-c", str(file), *words[1:]],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=stdin,
            env={**kept, "NO_COLOR": "1", "COLUMNS": "200"},
        )
    assert "Traceback" not in done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _stdin(answer: str) -> Iterator[int]:
    if not answer:
        yield subprocess.DEVNULL
        return
    keyboard, terminal = os.openpty()
    try:
        os.write(keyboard, f"{answer}\n".encode())
        yield terminal
    finally:
        os.close(keyboard)
        os.close(terminal)
