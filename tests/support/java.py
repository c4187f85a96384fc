"""Jars for the tests' servers: copied by Maven into a cache, once per content of the pom."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

_HERE = Path(__file__).parent
_CACHE = _HERE.parents[1] / ".cache" / "java"

# Half the boot time on two cores (no second compiler), a small heap, one collector thread.
JVM_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx384m", "-Xshare:auto")

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = STDOUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss.SSS} %p %m (%c{1})%n
rootLogger.level = INFO
rootLogger.appenderRef.stdout.ref = STDOUT
"""


class JavaError(Exception):
    """There is no JDK or no Maven here, or no artifact could be had; its text says which."""


@functools.cache
def jars(pom: str) -> Path:
    """Return the folder with the jars of `tests/support/<pom>`; raise `JavaError` without them.

    Two test runs at once wait for each other; an interrupted download is never taken for whole.
    """
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise JavaError(f"`{program}` is not on the PATH (a JDK 17+ and Maven are needed)")
    source = _HERE / pom
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    folder = _CACHE / f"{source.name.removesuffix('.xml')}-{digest}"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _download(source, partial)
            partial.rename(folder)
    return folder


def _download(pom: Path, folder: Path) -> None:
    argv = ["mvn", "-q", "-B", "-f", str(pom), "generate-resources", f"-Djars={folder}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0 or not folder.is_dir():
        raise JavaError(f"Maven could not get the jars of {pom.name}:\n{done.stdout[-2000:]}")


def java(
    main: str, *arguments: str | Path, logging: Path | None = None, classes: Path | None = None
) -> list[str]:
    """Return the command line that runs a main class of Kafka's jars, small and quick to boot.

    `classes` is a folder with classes of ours, for Kafka to load.
    """
    options = [*JVM_OPTIONS, f"-Dlog4j2.configurationFile={logging}"] if logging else JVM_OPTIONS
    path = f"{jars('pom.xml')}/*" + (f":{classes}" if classes else "")
    return [_program("java"), *options, "-cp", path, main, *(str(part) for part in arguments)]


def compile_class(name: str, folder: Path) -> None:
    """Compile `tests/support/<name>.java`, which needs Kafka's jars alone, into a folder."""
    source = _HERE / f"{name}.java"
    argv = [_program("javac"), "-cp", f"{jars('pom.xml')}/*", "-d", str(folder), str(source)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def _program(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    return f"{home}/bin/{name}" if home else name


def write_logging(folder: Path) -> Path:
    """Write a console configuration: without one the servers are silent, their ready line too."""
    path = folder / "log4j2.properties"
    path.write_text(_LOGGING)
    return path
