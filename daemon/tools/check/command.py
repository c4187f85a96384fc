"""The command itself: offline first, then Kafka and Braze at the same time, then the exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from daemon.config.settings import Settings
from daemon.errors import CohortdError
from daemon.tools.check import braze, kafka, registry
from daemon.tools.check.finding import Group, problem, problems_in, render
from daemon.tools.check.keys import look_at_keys
from daemon.tools.check.summary import configuration_lines, derived_lines

Look: TypeAlias = Callable[[Settings], list[Group]]

EXIT_OK = 0
EXIT_PROBLEM = 1


def run(settings: Settings, *, online: bool = False, keys: bool = False) -> int:
    """Print what the settings amount to and, online, what Kafka and Braze say to them.

    Return 0 when there is no problem and 1 otherwise. It ends by itself, in less than a minute
    whatever does not answer; with `keys` the topics are read whole, however long that takes.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # A terminal may lack the letters of a name.
        sys.stdout.reconfigure(errors="backslashreplace")
    for line in [*configuration_lines(settings), "", *derived_lines(settings), ""]:
        print(line)
    print("configuration: valid", flush=True)
    looks: dict[str, Look] = {"Kafka": kafka.look, "Braze": braze.look} if online else {}
    if online and settings.schema_registry is not None:
        looks["schema registry"] = registry.look
    if keys:
        looks["keys"] = look_at_keys
    if not looks:
        return EXIT_OK
    with ThreadPoolExecutor(len(looks), "check") as threads:
        asked = [threads.submit(_guarded, name, look, settings) for name, look in looks.items()]
        groups = [group for answer in asked for group in answer.result()]
    for line in render(groups, _masked(settings)):
        print(line)
    return EXIT_PROBLEM if problems_in(groups) else EXIT_OK


def _guarded(title: str, look: Look, settings: Settings) -> list[Group]:
    """Let one side's trouble be a line of its own, and never keep the other's from being said."""
    try:
        return look(settings)
    except CohortdError as error:
        found = problem(title, str(error), "try again when that is put right")
    except Exception as error:  # noqa: BLE001 - The top of a thread; its text may hold anything.
        name = type(error).__name__
        found = problem(title, f"the check itself failed ({name})", "please report this fault")
    return [Group(title, (found,))]


def _masked(settings: Settings) -> list[str]:
    """Return the secrets, as they are now in their files, that no line may show."""
    return [secret.reveal() for secret in settings.secrets()]
