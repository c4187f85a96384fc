"""kcat as a producer: a client that nobody wrote for us, with librdkafka's own partitioner."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable

_BETWEEN = "\t"  # Of key and value; JSON text never holds one.


class KcatError(Exception):
    """There is no kcat here; its text says what to install."""


def program() -> str:
    found = shutil.which("kcat") or shutil.which("kafkacat")
    if found is None:
        raise KcatError("`kcat` was not found (install Debian's package of that name)")
    return found


def produce(bootstrap: str, topic: str, records: Iterable[tuple[str, object]]) -> None:
    """Write records in order: a key as it is, a value as JSON; None is a null value."""
    lines = [
        f"{key}{_BETWEEN}{'' if value is None else json.dumps(value)}" for key, value in records
    ]
    argv = [program(), "-P", "-b", bootstrap, "-t", topic, "-K", _BETWEEN, "-Z"]
    argv += ["-X", "enable.idempotence=true", "-X", "linger.ms=0"]
    done = subprocess.run(
        argv,
        input="\n".join(lines).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
