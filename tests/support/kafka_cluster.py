"""Three Kafka nodes, of which a test kills, freezes and restarts exactly the one it means."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.brokers import KafkaServer, Place, ProxiedListener
from tests.support.processes import free_port, wait_until
from tests.support.started import Started
from tests.support.topics import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NODES = (1, 2, 3)
# A dead node is noticed in three seconds instead of nine, so that a test sees what follows soon.
_SETTINGS = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "replica.lag.time.max.ms": "3000",
    "controlled.shutdown.enable": "true",
}
# How long until all nodes lead and follow again after one came back, on a busy machine.
_HEAL_S = 60.0


class KafkaCluster(Started):
    """Three nodes, each broker and controller. Two of them are enough to go on."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        controllers = {node: free_port() for node in NODES}
        merged = {**_SETTINGS, **(settings or {})}

        def make(node: int) -> KafkaServer:
            place = Place(node, controllers)
            return KafkaServer(folder / f"node-{node}", merged, place, ProxiedListener())

        with ThreadPoolExecutor(len(NODES)) as pool:
            self.servers = dict(zip(NODES, pool.map(make, NODES), strict=True))

    @property
    def bootstrap(self) -> str:
        return ",".join(server.bootstrap for server in self.servers.values())

    # Who is who.

    def leader(self, topic: str, partition: int = 0) -> int:
        """Return the node that leads a partition, when one does."""

        def led() -> int | None:
            try:
                found = self._admin().list_topics(topic, TIMEOUT_S).topics[topic].partitions
            except KafkaException:
                return None
            leader = found[partition].leader if partition in found else -1
            return leader if leader in self.servers and self.servers[leader].runs else None

        return wait_until(f"{topic}[{partition}] has a leader that runs", led)

    def in_sync(self, topic: str, partition: int = 0) -> list[int]:
        """Return the nodes that have all of a partition."""
        found = self._admin().list_topics(topic, TIMEOUT_S).topics[topic].partitions
        return list(found[partition].isrs)

    def coordinator(self) -> int:
        """Return the node that coordinates every group: it leads the one partition of offsets."""
        return self.leader("__consumer_offsets")

    def heal(self, timeout_s: float = _HEAL_S) -> None:
        """Thaw and start what does not run; return when every partition is whole again."""
        for server in self.servers.values():
            if server.runs:
                server.thaw()
            else:
                server.launch()
        for server in self.servers.values():
            server.wait_until_started(timeout_s)
        wait_until("every replica is in sync", self._whole, timeout_s)

    def _whole(self) -> bool:
        try:
            listed = self._admin().list_topics(timeout=TIMEOUT_S)
        except KafkaException:
            return False
        return len(listed.brokers) == len(NODES) and all(
            len(partition.isrs) == len(partition.replicas) and partition.leader != -1
            for topic in listed.topics.values()
            for partition in topic.partitions.values()
        )

    def _admin(self) -> AdminClient:
        """Return a client that knows nothing yet, so nothing out of date."""
        running = [server.bootstrap for server in self.servers.values() if server.runs]
        return AdminClient({"bootstrap.servers": ",".join(running), "log_level": 0})

    # From the first to the last.

    def start(self) -> None:
        for server in self.servers.values():
            server.launch()
        for server in self.servers.values():
            server.wait_until_started()

    def stop(self) -> None:
        """End all of them, at once: the last would wait in vain for the others to take over."""
        for server in self.servers.values():
            with contextlib.suppress(AssertionError):  # It does not run.
                server.kill()
