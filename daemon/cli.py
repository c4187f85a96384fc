"""The entry: which command is meant, and how a process ends: exit codes, a line for each error.

What a daemon is started with is read here, where it is written plainly. The library that reads
every other command line, and says what is wrong with one, would be a fifth of a daemon's start.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from daemon import startup
from daemon.errors import CohortdError, SettingsError
from daemon.leaks import shut_leaks

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run a command; whatever goes wrong is one readable line, and a traceback with `--debug`."""
    shut_leaks()
    files = plain_run(sys.argv[1:])
    if files is None:
        from daemon import commands  # noqa: PLC0415  A plain run can do without.

        commands.main()
        return
    try:
        run(files)
    except CohortdError as error:
        fail(error)
    except KeyboardInterrupt:
        end(EXIT_INTERRUPTED)


def plain_run(arguments: Sequence[str]) -> list[Path] | None:
    """Return the files of `run -c FILE`, once or more; None for anything else, right or wrong."""
    command, options, files = arguments[:1], arguments[1::2], arguments[2::2]
    plain = (
        list(command) == ["run"]
        and 0 < len(options) == len(files)
        and {"-c", "--config"}.issuperset(options)
        and not any(file.startswith("-") for file in files)
    )
    return [Path(file) for file in files] if plain else None


def run(files: Sequence[Path]) -> NoReturn:
    """Run the daemon, and end the process with it."""
    # Until the daemon listens itself there is nothing to give back. Whoever is the first process
    # of a container and has no handler would not be ended at all.
    signal.signal(signal.SIGTERM, lambda *_: end(0))
    startup.begin()
    from daemon.config.settings import load  # noqa: PLC0415  Only now nothing is collected.

    settings = load(files, os.environ)
    from daemon import app  # noqa: PLC0415  As above, and not where the settings are wrong.

    end(app.run(settings))


def end(code: int) -> NoReturn:
    """End the process at once: everything is committed, given back and said (G14).

    What the interpreter takes down by itself comes after the last watchdog, and may wait for the
    network: a Kafka client that asks for a token held the end up for 22 s (measured).
    """
    with contextlib.suppress(OSError):  # Whoever read them may be gone.
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def fail(error: CohortdError) -> NoReturn:
    """End the process with a line for each problem."""
    for line in str(error).splitlines():
        print(f"cohortd: {line}", file=sys.stderr)  # noqa: T201
    sys.exit(EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED)
