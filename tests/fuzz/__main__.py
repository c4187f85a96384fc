"""`make fuzz`: a search, guided by coverage, for an input that a decoder can't bear.

It ends after so many inputs, and fails at the first that raises, breaks a rule of its target, takes
too long, or when memory has grown. `--keep` keeps what reaches code that the seeds do not:
the quick tests read them again, and the next search begins with them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.corpus import read_corpus, write_corpus
from tests.fuzz.seeds import seeds


def main() -> int:
    """Search from the kept inputs and the seeds on."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write the corpus anew")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cohortd-fuzz-") as name:
        folder = Path(name)
        for number, data in enumerate(dict.fromkeys([*read_corpus(), *seeds()])):
            (folder / f"seed-{number:05}").write_bytes(data)
        numbers = ["--runs", str(asked.runs), "--seed", str(asked.seed)]
        command = [sys.executable, "-m", "tests.fuzz.search", *numbers, name]
        code = subprocess.run(command, check=False).returncode
        if code == 0 and asked.keep:
            write_corpus({path.read_bytes() for path in folder.iterdir()} - set(seeds()))
    return code


if __name__ == "__main__":
    sys.exit(main())
