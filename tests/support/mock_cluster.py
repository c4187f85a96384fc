"""librdkafka's mock cluster: a real protocol endpoint, with faults on order.

What the real broker does otherwise: it filters aborted transactions, keeps more than about 5 MB a
partition, and serves topic creation.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROOT = Path(__file__).parents[2]


class Api(IntEnum):
    """Kafka's request types that tests let fail."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    SYNC_GROUP = 14
    CONSUMER_GROUP_HEARTBEAT = 68


class MockCluster:
    """A cluster of `brokers` in a process of its own; topics and faults are made to order."""

    def __init__(self, brokers: int = 1) -> None:
        self._host = subprocess.Popen(
            [sys.executable, "-m", "tests.support.mock_host", str(brokers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            start_new_session=True,  # A Ctrl-C at the terminal is the test run's to handle.
        )
        self.bootstrap = str(self._answer())

    def create_topic(self, topic: str, partitions: int = 1) -> str:
        self._ask("create_topic", topic, partitions)
        return topic

    def fail_topic(self, topic: str, code: int) -> None:
        """Answer with `code` wherever the topic is asked for in metadata; 0 ends it."""
        self._ask("fail_topic", topic, code)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        self._ask("delete_records", topic, partition, before)

    def fail_next(self, api: Api, codes: Sequence[int]) -> None:
        """Answer the next requests of this type with these errors, one each.

        Whoever's they are: what a test itself produces meanwhile may fail, and be lost unnoticed,
        since the cluster takes a later batch of an idempotent producer before the failed one.
        """
        self._ask("fail_next", api, list(codes))

    def delay_next(self, api: Api, delay_ms: int, times: int = 1, broker: int = 1) -> None:
        """Answer the next requests of this type late, and well."""
        self._ask("delay_next", api, delay_ms, times, broker)

    def clear_faults(self, api: Api) -> None:
        self._ask("clear_faults", api)

    def set_down(self, broker: int = 1) -> None:
        self._ask("set_down", broker)

    def set_up(self, broker: int = 1) -> None:
        self._ask("set_up", broker)

    def close(self) -> None:
        self._host.kill()
        self._host.communicate()

    def _ask(self, name: str, *arguments: object) -> None:
        assert self._host.stdin is not None
        self._host.stdin.write(json.dumps([name, arguments]) + "\n")
        self._host.stdin.flush()
        error = self._answer()
        assert error is None, error

    def _answer(self) -> object:
        assert self._host.stdout is not None
        line = self._host.stdout.readline()
        assert line, f"the mock cluster's process ended with {self._host.wait()}"
        return json.loads(line)


@contextlib.contextmanager
def mock_cluster(brokers: int = 1) -> Iterator[MockCluster]:
    cluster = MockCluster(brokers)
    try:
        yield cluster
    finally:
        cluster.close()
