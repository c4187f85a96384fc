"""A real Apache Kafka for the tests: KRaft nodes from Maven artifacts, on free ports."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.java import java, write_logging
from tests.support.processes import Child, free_port
from tests.support.started import Started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
log.retention.check.interval.ms=1000
"""

# Later lines win. Behind this second listener clients are told to come back to another port, at
# which a test puts a proxy; without one nobody answers there.
_PROXIED = """\
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxy}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


@dataclass(frozen=True)
class Place:
    """Which node of a cluster this is: its number, and the port of every controller by number."""

    node: int = 1
    controllers: Mapping[int, int] = field(default_factory=lambda: {1: free_port()})

    @property
    def voters(self) -> str:
        return ",".join(f"{node}@127.0.0.1:{port}" for node, port in self.controllers.items())


@dataclass(frozen=True)
class ProxiedListener:
    """A port of the broker's own, and the one it sends clients of that listener to."""

    behind: int = field(default_factory=free_port)
    proxy: int = field(default_factory=free_port)


class KafkaServer(Started):
    """One broker that is a controller too. It keeps its data and its address over restarts."""

    classes: Path | None = None  # Of ours, for it to load.

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        place: Place | None = None,
        proxied: ProxiedListener | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        place = place or Place()
        self.node = place.node
        self.proxied = proxied
        self.data = folder / "data"
        self._log = folder / "kafka.log"
        self._properties = folder / "server.properties"
        self._logging = write_logging(folder)
        self._child: Child | None = None
        port = free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        ports = {"port": port, "controller": place.controllers[place.node]}
        text = _PROPERTIES.format(node=place.node, voters=place.voters, folder=folder, **ports)
        if proxied is not None:
            text += _PROXIED.format(behind=proxied.behind, proxy=proxied.proxy, **ports)
        text += "".join(f"{name}={value}\n" for name, value in (settings or {}).items())
        self._properties.write_text(text)
        self._format()

    def _format(self) -> None:
        identifier = "Y29ob3J0ZC10ZXN0cy0xMQ"  # 16 bytes in base64: a cluster of its own anyway.
        argv = java("kafka.tools.StorageTool", "format", "-t", identifier, "-c", self._properties)
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def child(self) -> Child:
        assert self._child is not None, "the broker is not running"
        return self._child

    @property
    def runs(self) -> bool:
        return self._child is not None

    def start(self, timeout_s: float = 90.0) -> None:
        self.launch()
        self.wait_until_started(timeout_s)

    def launch(self) -> None:
        """Start the process; a node of a cluster is started only when most of them are there."""
        argv = java("kafka.Kafka", self._properties, logging=self._logging, classes=self.classes)
        self._child = Child(argv, self._log)

    def wait_until_started(self, timeout_s: float = 90.0) -> None:
        self.child.wait_for_line("Kafka Server started", timeout_s)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        self.child.kill()
        self._child = None

    def freeze(self) -> None:
        """Let it stay connected and answer nobody."""
        self.child.freeze()

    def thaw(self) -> None:
        self.child.thaw()
