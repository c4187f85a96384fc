"""What a simulator is started with, in a test or on the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from daemon.core.model import Member
from daemon.tools.simulator.quota import LIMIT


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A simulator in this process. The defaults accept everybody, as a test mostly wants.

    `port` 0 is any free one. `partner` None takes every partner's name, no keys every key, and
    `users` None knows every user. `clock` gives Unix time.
    """

    host: str = "127.0.0.1"
    port: int = 0
    quota: int = LIMIT
    faults: tuple[str, ...] = ()
    seed: int = 0
    partner: str | None = None
    partner_api_keys: tuple[str, ...] = field(default=(), repr=False)
    client_secrets: tuple[str, ...] = field(default=(), repr=False)
    users: Collection[Member] | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """What `cohortd simulator` was told. Files are read once, at the start."""

    host: str = "127.0.0.1"
    port: int = 8090
    quota: int = LIMIT
    faults: tuple[str, ...] = ()
    seed: int = 0
    partner: str | None = None
    partner_api_key_file: Path | None = None
    client_secret_file: Path | None = None
    users_file: Path | None = None
