"""A real Apache Kafka for the tests: one KRaft node from Maven artifacts, on free ports."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from tests.support.java import java, write_logging
from tests.support.processes import Child, free_port

if TYPE_CHECKING:
    from pathlib import Path

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
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


class KafkaServer:
    """One broker that is its own controller. It keeps its data and its address over restarts."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "kafka.log"
        self._properties = folder / "server.properties"
        self._logging = write_logging(folder)
        self._child: Child | None = None
        port, controller = free_port(), free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        text = _PROPERTIES.format(port=port, controller=controller, folder=folder)
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

    def start(self, timeout_s: float = 90.0) -> None:
        argv = java("kafka.Kafka", self._properties, logging=self._logging)
        self._child = Child(argv, self._log)
        self._child.wait_for_line("Kafka Server started", timeout_s)

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

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
