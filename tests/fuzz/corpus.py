"""The inputs that are kept: one a line, in base64, those that reach code which the seeds do not."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

CORPUS: Final = Path(__file__).with_name("corpus.txt")


def read_corpus() -> list[bytes]:
    """Return the kept inputs."""
    lines = CORPUS.read_text(encoding="ascii").splitlines() if CORPUS.exists() else []
    return [zlib.decompress(base64.b64decode(line)) for line in lines]


def write_corpus(inputs: Iterable[bytes]) -> None:
    """Keep these inputs, the shortest first."""
    ordered = sorted(inputs, key=lambda data: (len(data), data))
    lines = [base64.b64encode(zlib.compress(data, 9)).decode() for data in ordered]
    CORPUS.write_text("\n".join(lines) + "\n", encoding="ascii")
