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
INTERRUPTED = "interrupted"
_WORDS_MAX = 1_000


def main() -> None:
    """Run a command; whatever goes wrong is one readable line, and a traceback with `--debug`."""
    shut_leaks()
    files = plain_run(sys.argv[1:])
    if files is None:
        _other_command()
        return
    try:
        run(files)
    except Exception as error:  # noqa: BLE001  The top of the process.
        fail(error)
    except KeyboardInterrupt:  # Just before its own handler was there.
        end(0)


def _other_command() -> None:
    try:
        from daemon import commands  # noqa: PLC0415  A plain run can do without.

        commands.main()
    except KeyboardInterrupt:  # Before the command was known, or behind its end.
        fail(CohortdError(INTERRUPTED))


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
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
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


def fail(error: Exception) -> NoReturn:
    """End the process with a line for each problem: of ours, or that nobody has foreseen."""
    for line in _words(error).splitlines():
        print(f"cohortd: {line}", file=sys.stderr)  # noqa: T201
    _let_go_of_output()
    sys.exit(EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED)


def _words(error: Exception) -> str:
    if isinstance(error, CohortdError):
        return str(error)
    if isinstance(error, BrokenPipeError):
        return ""  # Whoever read what was said has seen enough.
    from daemon.config.document import one_line  # noqa: PLC0415  Only now it is needed.

    said = one_line(f"{type(error).__name__}: {error}", _WORDS_MAX)
    return f"{said}; `cohortd --debug …` shows where"


def flush() -> None:
    """Write what was printed; where there is no stdout at all, there is nothing to do."""
    print(end="", flush=True)  # noqa: T201


def _let_go_of_output() -> None:
    """Write what is left, or drop it: Python would try again, and end with a code of its own."""
    try:
        flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
