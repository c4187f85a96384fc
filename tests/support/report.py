"""What a test measured, said on its standard output: pytest shows it with `-rP` or `-s`."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
