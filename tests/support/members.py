"""Members of a consumer group for the contract suite, on whichever cluster a test is given."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from daemon.kafka.consumer import KafkaConsumer
from daemon.kafka.records import EndOfPartition, PartitionFault, Run
from tests.support import topics
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from daemon.core.model import Partition
    from daemon.kafka.client_errors import ClientEvent
    from daemon.kafka.records import CommitResult
    from tests.support.mock_cluster import MockCluster

    Starts: TypeAlias = Callable[[Sequence[Partition]], dict[Partition, int]]


class Member:
    """One consumer, its listener and all that it has seen. `begins_at` None: at the commit, or 0.

    `on_revoke` and `on_assign` of a test run inside the callbacks, before the member's own part.
    """

    def __init__(
        self, properties: dict[str, Any], subscription: Sequence[str], begins_at: int | None = None
    ) -> None:
        self.consumer = KafkaConsumer(properties, subscription)
        self.starts: Starts = self.starts_at_commit
        if begins_at is not None:
            self.starts = lambda partitions: dict.fromkeys(partitions, begins_at)
        self.owned: set[Partition] = set()
        self.calls: list[tuple[str, list[Partition]]] = []
        self.offsets: dict[Partition, list[int]] = defaultdict(list)
        self.values: dict[Partition, list[bytes | None]] = defaultdict(list)
        self.ends: dict[Partition, int] = {}
        self.faults: list[PartitionFault] = []
        self.events: list[ClientEvent] = []
        self.results: list[CommitResult] = []
        self.assigning: Callable[[Sequence[Partition]], None] = lambda _: None
        self.revoking: Callable[[Sequence[Partition]], None] = lambda _: None
        self.consumer.subscribe(self)

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        self.calls.append(("assign", sorted(partitions)))
        self.owned |= set(partitions)
        self.assigning(partitions)
        self.consumer.begin(self.starts(partitions))

    def starts_at_commit(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        found = self.consumer.committed(partitions, topics.TIMEOUT_S)
        return {at: committed.offset if committed else 0 for at, committed in found.items()}

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        self.calls.append(("revoke", sorted(partitions)))
        self.revoking(partitions)
        self.owned -= set(partitions)

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        self.calls.append(("lost", sorted(partitions)))
        self.owned -= set(partitions)

    def poll(self, max_records: int = 1000, timeout_s: float = 0.05) -> None:
        for polled in self.consumer.poll_runs(max_records, timeout_s):
            if isinstance(polled, Run):
                offsets = [record.offset() for record in polled.records]
                assert polled.first_offset == offsets[0]
                assert polled.next_offset == offsets[-1] + 1
                self.offsets[polled.partition] += offsets
                self.values[polled.partition] += [record.value() for record in polled.records]
            elif isinstance(polled, EndOfPartition):
                self.ends[polled.partition] = polled.offset
            else:
                self.faults.append(polled)
        self.events += self.consumer.client_events()
        self.results += self.consumer.commit_results()

    def poll_until(
        self, what: str, check: Callable[[], object], *others: Member, max_records: int = 1000
    ) -> None:
        """Poll, the other members of the group too, until the check is true."""

        def turn() -> bool:
            for member in (self, *others):
                member.poll(max_records, 0.02)
            return bool(check())

        wait_until(what, turn, topics.TIMEOUT_S)

    def poll_for(self, turns: int) -> None:
        """Poll a number of times: for what must not happen."""
        for _ in range(turns):
            self.poll()

    def join(self, count: int) -> None:
        self.poll_until(f"{count} partitions are assigned", lambda: len(self.owned) == count)

    def read_to_end(self) -> None:
        """Poll until everything in the log of what is owned has come, and its end was told."""
        self.poll_until("the end of every log", lambda: all(map(self._at_end, self.owned)))

    def _at_end(self, partition: Partition) -> bool:
        end = self.consumer.log_range(partition, topics.TIMEOUT_S)[1]
        return self.ends.get(partition) == end and self.consumer.position(partition) == end


@dataclass
class Cluster:
    """A cluster and a group protocol: what one contract test runs on."""

    bootstrap: str
    protocol: str
    mock: MockCluster | None = None
    members: list[Member] = field(default_factory=list)

    @property
    def real(self) -> bool:
        return self.mock is None

    def topic(self, partitions: int = 1, name: str | None = None) -> str:
        if self.mock is not None:
            return self.mock.create_topic(name or topics.unique("topic"), partitions)
        return topics.create_topic(self.bootstrap, partitions, name=name)

    def produce(self, topic: str, values: Iterable[bytes | None], partition: int = 0) -> list[int]:
        return topics.produce(self.bootstrap, topic, values, partition=partition)

    def properties(self, group: str | None = None) -> dict[str, Any]:
        properties: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "group.id": group or topics.unique("group"),
            "group.protocol": self.protocol,
            "topic.metadata.refresh.interval.ms": 300,
        }
        if self.protocol == "classic":
            properties |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 300}
        return properties

    def member(
        self, *subscription: str, group: str | None = None, begins_at: int | None = None,
        **more: object,
    ) -> Member:  # fmt: skip
        """Start a member; whatever happens, it is closed at the end of the test."""
        properties = self.properties(group) | {
            name.replace("_", "."): value for name, value in more.items()
        }
        member = Member(properties, subscription, begins_at)
        self.members.append(member)
        return member

    def close(self) -> None:
        for member in self.members:
            member.revoking = lambda _: None
            member.consumer.close()
            assert member.consumer.stale_records == 0, "librdkafka handed out stale records"
