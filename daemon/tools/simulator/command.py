"""`cohortd simulator`: reads the files it was given, serves until a signal, exits 0."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import orjson

from daemon.core.model import Member
from daemon.errors import Problem, SettingsError
from daemon.tools.simulator.member_lists import read_members
from daemon.tools.simulator.server import Simulator
from daemon.tools.simulator.settings import SimulatorOptions, SimulatorSettings


def run(options: SimulatorOptions) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code, having said on stderr what was wrong."""
    try:
        settings = read_settings(options)
        simulator = Simulator(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(_serve(simulator))
    except OSError as error:
        print(
            f"--host {options.host} --port {options.port}: can't listen there:"
            f" {error.strerror or error}; choose another, or 0 for any free port",
            file=sys.stderr,
        )
        return 1
    return 0


def read_settings(options: SimulatorOptions) -> SimulatorSettings:
    """Return the settings that the options mean; raises SettingsError for what can't be read."""
    return SimulatorSettings(
        host=options.host,
        port=options.port,
        quota=options.quota,
        faults=options.faults,
        seed=options.seed,
        partner=options.partner,
        partner_api_keys=_read_keys("--partner-api-key-file", options.partner_api_key_file),
        client_secrets=_read_keys("--client-secret-file", options.client_secret_file),
        users=_read_users("--users", options.users_file),
    )


async def _serve(simulator: Simulator) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with simulator:
        print(f"Braze simulator ready at {simulator.url}", flush=True)
        await stopped.wait()


def _read_keys(option: str, path: Path | None) -> tuple[str, ...]:
    """Read the accepted keys, one a line; at least one, or everybody would be let in."""
    if path is None:
        return ()
    keys = tuple(line.strip() for line in _read(option, path) if line.strip())
    if not keys:
        raise SettingsError(
            [Problem(option, f"{path} holds no key", "write one key a line, or leave it out")]
        )
    return keys


def _read_users(option: str, path: Path | None) -> frozenset[Member] | None:
    """Read the known users, one a line: an external id, or a JSON object with Braze's lists."""
    if path is None:
        return None
    users: set[Member] = set()
    for number, line in enumerate(_read(option, path), start=1):
        text = line.strip()
        if not text.startswith("{"):
            users.update([text] if text else [])
            continue
        members = _read_lists(text)
        if members is None:
            raise SettingsError(
                [
                    Problem(
                        option,
                        f"line {number} of {path} names no users",
                        "write an external id, or a JSON object with user_ids, device_ids or"
                        " aliases",
                    )
                ]
            )
        users.update(members)
    return frozenset(users)


def _read_lists(text: str) -> list[Member] | None:
    try:
        lists = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return read_members(lists) if isinstance(lists, dict) else None


def _read(option: str, path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            [Problem(option, f"can't read {path}: {why}", "name a readable file")]
        ) from None
