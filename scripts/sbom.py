"""Write the bill of materials (CycloneDX) of what the image runs, and hold it to the lock.

Makes an environment in a temporary folder, without pip, installs the locked requirements into it,
lists them with cyclonedx-py, and compares: what is listed is exactly what the lock says for this
platform, by name and version. Nothing of the developers' environment gets in.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from packaging.requirements import Requirement

_ROOT = Path(__file__).resolve().parent.parent
LOCK = _ROOT / "requirements" / "aws.txt"  # Run.txt, and the extra that the image has.


def locked(lock: Path = LOCK) -> set[tuple[str, str]]:
    """Return name and version of each requirement that the lock has for this platform."""
    found = set()
    for line in lock.read_text().splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.removesuffix("\\").strip())
            if requirement.marker is None or requirement.marker.evaluate():
                [pin] = requirement.specifier
                found.add((normal(requirement.name), pin.version))
    return found


def listed(text: str) -> set[tuple[str, str]]:
    """Return name and version of each component of a bill of materials."""
    components = json.loads(text)["components"]
    return {(normal(each["name"]), each["version"]) for each in components}


def normal(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_of(python: str, *options: str) -> str:
    """Return the bill of materials of an environment, the same at each time."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", python, "--of", "JSON"]
    done = subprocess.run(  # noqa: S603 - all our own.
        [*command, "--output-reproducible", "--pyproject", str(_ROOT / "pyproject.toml"), *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def main(out: Path) -> int:
    """Return 0 when the bill was written and is the lock."""
    with tempfile.TemporaryDirectory() as place:
        venv.create(place, with_pip=False)
        python = str(Path(place) / "bin" / "python")
        install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        hashed = ["--no-input", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
        subprocess.run([*install, *hashed], check=True)  # noqa: S603 - all our own.
        text = bill_of(python)
    differ = locked() ^ listed(text)
    if differ:
        print(f"the bill and the lock differ: {sorted(differ)}", file=sys.stderr)
        return 1
    out.parent.mkdir(exist_ok=True)
    out.write_text(text)
    print(f"{out}: {len(listed(text))} components, as locked")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
