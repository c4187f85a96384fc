"""`python -m daemon.tools.demo --record FILE.svg`: the demo, and a picture of its terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from daemon import cli
from daemon.errors import CohortdError
from daemon.tools.demo.command import run
from daemon.tools.demo.options import DemoOptions


def main() -> int:
    """Play as `cohortd demo` does; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m daemon.tools.demo", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--tamper", action="store_true")
    parser.add_argument("--seed", type=int, default=7, help="of the generated day")
    parser.add_argument("--record", type=Path, help="write the terminal's picture here, as SVG")
    said = parser.parse_args()
    try:
        return run(DemoOptions(said.seconds, said.faults, said.tamper, said.seed, said.record))
    except CohortdError as error:
        cli.fail(error)


if __name__ == "__main__":
    sys.exit(main())
