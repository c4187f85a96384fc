"""Try the built wheel as a user gets it: alone, with the run-time requirements only.

Makes an environment in a temporary folder, installs the locked requirements and the wheel, and
from outside the checkout imports every module and runs the command. So a module that the wheel
lacks, or an import that only the developers' environment satisfies, fails here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent

_IMPORT_ALL = """
import importlib, pathlib, pkgutil, sys
import daemon
assert pathlib.Path(sys.prefix) in pathlib.Path(daemon.__file__).parents, daemon.__file__
names = [m.name for m in pkgutil.walk_packages(daemon.__path__, "daemon.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
assert any((pathlib.Path(daemon.__file__).parent / "schemas").iterdir()), "no schemas in the wheel"
print(f"wheel: {len(names)} modules import")
"""


def main(dist: Path) -> int:
    """Return 0 when the only wheel in `dist` installs, imports and answers."""
    (wheel,) = dist.resolve().glob("cohortd-*.whl")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        venv.create(home / "env", with_pip=True)
        python = str(home / "env" / "bin" / "python")
        install = [python, "-m", "pip", "install", "--quiet", "--no-input"]
        locked = str(_ROOT / "requirements" / "run.txt")
        for command in (
            [*install, "--require-hashes", "--only-binary", ":all:", "-r", locked],
            [*install, "--no-deps", "--no-index", str(wheel)],
            [python, "-m", "pip", "check"],
            [python, "-W", "error::SyntaxWarning", "-c", _IMPORT_ALL],
            [str(home / "env" / "bin" / "cohortd"), "--version"],
            [str(home / "env" / "bin" / "cohortd"), "run", "--help"],
        ):
            done = subprocess.run(command, cwd=home, check=False)  # noqa: S603 - all our own.
            if done.returncode != 0:
                tried = " ".join(command[1:]) if command[0] == python else " ".join(command)
                print(f"the wheel fails: {tried.splitlines()[0]}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
