"""An environment where httpx2 stands in the place of httpx, in every process that is started in it.

It has httpx2 from `requirements/httpx2.txt`, and everything else from the environment of the tests.
Whoever imports httpx or httpcore there gets httpx2 and httpcore2, by httpx2's own alias.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements" / "httpx2.txt"

# Python runs a line that begins with `import` whenever it starts.
_AT_START = "import site; site.addsitedir({others!r})\nimport httpx2; httpx2.alias_httpx()\n"


def environment(folder: Path) -> Path:
    """Return its Python; the environment is made in `folder` if it is not there as it must be."""
    others = sysconfig.get_paths()["purelib"]
    made_of = hashlib.sha256(LOCK.read_bytes() + f"{folder} {others}".encode()).hexdigest()
    python, stamp = folder / "bin" / "python", folder / "made-of"
    if stamp.exists() and stamp.read_text() == made_of:
        return python
    venv.create(folder, clear=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    hashed = ["--no-input", "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    subprocess.run([*pip, *hashed], check=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    start = folder / "lib" / version / "site-packages" / "httpx2_for_httpx.pth"
    start.write_text(_AT_START.format(others=others))
    stamp.write_text(made_of)
    return python
