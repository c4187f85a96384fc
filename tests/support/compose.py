"""The services of docker-compose.yml as processes of this machine, without a container engine.

Commands, environment, mounted files, health checks and the order of the start are the file's, as
Compose's own parser reads it. Only places are others: a service's name and port become a free port
of 127.0.0.1, and a path inside a container becomes one of a folder here.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.image import ROOT
from tests.support.processes import Child, free_port, wait_until
from tests.support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FILE = ROOT / "docker-compose.yml"
# What two JVMs and a database need to be there on a busy machine of two cores.
_HEALTHY_S = 180.0


@dataclass(frozen=True, slots=True)
class Start:
    """What runs: a program, and what it finds in its environment beside the service's own."""

    argv: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    prepare: Callable[[], None] = lambda: None  # Done before anybody asks for its health.
    stop_signal: signal.Signals = signal.SIGTERM


class Service:
    """One service of the file, its places put in."""

    def __init__(self, name: str, parsed: Mapping[str, Any], stack: Stack) -> None:
        self.name = name
        self.parsed = parsed
        self.folder = stack.folder / name
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self._stack = stack
        sources = {each["target"]: Path(each["source"]) for each in parsed.get("volumes", ())}
        self.mounts = {target: self.folder / path.name for target, path in sources.items()}
        for target, copy in self.mounts.items():
            copy.write_text(self.placed(sources[target].read_text()))
            copy.chmod(0o644)

    def placed(self, text: str) -> str:
        """Return what the file says with the places of this machine in it."""
        text = self._stack.placed(text)
        for (name, port), ours in self._stack.ports.items():
            if name == self.name:
                text = re.sub(rf"(?<![\d.]){port}(?![\d.])", str(ours), text)
        for target, copy in self.mounts.items():
            text = text.replace(target, str(copy))
        # All interfaces of a container are one of this machine.
        return text.replace("0.0.0.0", "127.0.0.1").replace("://:", "://127.0.0.1:")

    def port(self, inside: int) -> int:
        return self._stack.ports[self.name, inside]

    @property
    def environ(self) -> dict[str, str]:
        said: dict[str, str] = self.parsed.get("environment", {})
        return {name: self.placed(value) for name, value in said.items()}

    @property
    def command(self) -> list[str]:
        return [self.placed(word) for word in self.parsed.get("command") or ()]

    @property
    def entrypoint(self) -> list[str]:
        return [self.placed(word) for word in self.parsed.get("entrypoint") or ()]

    def is_healthy(self) -> bool:
        """Run the file's own health check, once."""
        kind, *words = self.parsed["healthcheck"]["test"]
        assert kind == "CMD"
        argv = [self.placed(word) for word in words]
        return subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode == 0


class Stack:
    """The services, started as they are needed; all are ended at the end.

    `images` says for a service what its image's entry point makes of it; where it says nothing the
    file's entrypoint and command are run. `programs` are paths inside of containers.
    """

    def __init__(
        self,
        folder: Path,
        images: Mapping[str, Callable[[Service], Start]],
        programs: Mapping[str, str],
    ) -> None:
        folder.mkdir(mode=0o755, exist_ok=True)
        self.folder = folder
        self._images = images
        self._programs = programs
        parsed = subprocess.run(
            [tool("compose"), "-format", "json", str(FILE)],
            capture_output=True,
            text=True,
            check=True,
        )
        services = json.loads(parsed.stdout)["services"]
        self.ports = self._choose_ports(services)
        self.services = {name: Service(name, said, self) for name, said in services.items()}
        self.children: dict[str, Child] = {}
        self._stop_signals: dict[str, signal.Signals] = {}

    @staticmethod
    def _choose_ports(services: Mapping[str, Any]) -> dict[tuple[str, int], int]:
        published = [
            (name, port["target"])
            for name, said in services.items()
            for port in said.get("ports", ())
        ]
        named = re.findall(rf"\b({'|'.join(services)}):(\d{{4,5}})\b", json.dumps(services))
        wanted = {*published, *((name, int(port)) for name, port in named)}
        found: dict[tuple[str, int], int] = {}
        for each in sorted(wanted):
            found[each] = next(p for p in iter(free_port, None) if p not in found.values())
        return found

    def placed(self, text: str) -> str:
        for (name, port), ours in self.ports.items():
            text = re.sub(rf"\b{name}:{port}\b", f"127.0.0.1:{ours}", text)
        for inside, here in self._programs.items():
            text = text.replace(inside, here)
        return text

    def up(self, name: str) -> Service:
        """Start a service when all that it depends on is as the file asks for."""
        service = self.services[name]
        if name in self.children:
            return service
        for other, how in service.parsed.get("depends_on", {}).items():
            self.up(other)
            self._await(other, how["condition"])
        start = self._start(service)
        self.children[name] = Child(
            start.argv,
            self.folder / f"{name}.log",
            env={**service.environ, **start.environ},
            cwd=ROOT if start.user is None else service.folder,
            user=start.user,
        )
        self._stop_signals[name] = start.stop_signal
        start.prepare()
        return service

    def _start(self, service: Service) -> Start:
        if service.name in self._images and not service.entrypoint:
            return self._images[service.name](service)
        assert service.entrypoint, f"{service.name}: it is not known what its image would run"
        return Start([*service.entrypoint, *service.command])

    def _await(self, name: str, condition: str) -> None:
        child, service = self.children[name], self.services[name]
        try:
            if condition == "service_healthy":
                wait_until(
                    f"{name} is healthy",
                    lambda: child.returncode is not None or service.is_healthy(),
                    _HEALTHY_S,
                )
                assert child.returncode is None, f"{name} has ended"
            elif condition == "service_completed_successfully":
                assert child.wait(_HEALTHY_S) == 0, f"{name} has failed"
        except (AssertionError, subprocess.TimeoutExpired) as why:
            raise AssertionError(f"{why}\n{child.output()[-4000:]}") from None

    def wait_healthy(self, name: str) -> None:
        self._await(name, "service_healthy")

    def stop(self, name: str) -> int:
        """Ask it to end as the container engine would; return its exit code."""
        child = self.children[name]
        if child.returncode is None:
            child.signal(self._stop_signals[name])
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(40.0)
        return child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self.children):
            self.stop(name)
