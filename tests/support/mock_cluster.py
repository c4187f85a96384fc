"""librdkafka's mock cluster: a real protocol endpoint inside this process, with faults on order.

The functions are librdkafka's own (`rdkafka_mock.h`), called in the library that confluent-kafka
brings along. What the real broker does otherwise: it filters aborted transactions, keeps more
than about 5 MB a partition, and serves topic creation.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import functools
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import confluent_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PRODUCER = 0


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


@functools.cache
def _library() -> ctypes.CDLL:
    site = Path(confluent_kafka.__file__).parent
    bundled = [
        *site.with_name("confluent_kafka.libs").glob("librdkafka*"),
        *(site / ".dylibs").glob("librdkafka*"),
    ]
    name = str(bundled[0]) if bundled else ctypes.util.find_library("rdkafka")
    assert name is not None, "librdkafka was not found beside confluent-kafka"
    library = ctypes.CDLL(name)
    for function, result in (
        ("rd_kafka_conf_new", ctypes.c_void_p),
        ("rd_kafka_new", ctypes.c_void_p),
        ("rd_kafka_mock_cluster_new", ctypes.c_void_p),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p),
    ):
        getattr(library, function).restype = result
    return library


class MockCluster:
    """A cluster of `brokers` inside this process; topics and faults are made to order."""

    def __init__(self, brokers: int = 1) -> None:
        self._library = _library()
        conf = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        text = ctypes.create_string_buffer(512)
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", text, 512)
        self._client = ctypes.c_void_p(self._library.rd_kafka_new(_PRODUCER, conf, text, 512))
        assert self._client.value, text.value
        cluster = self._library.rd_kafka_mock_cluster_new(self._client, brokers)
        self._cluster = ctypes.c_void_p(cluster)
        assert self._cluster.value
        # By default a new group waits 3 s for more members.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._library.rd_kafka_mock_set_controller_id(self._cluster, ctypes.c_int32(1))
        self._library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self._cluster, 6000)
        self._library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self._cluster, 300)

    @property
    def bootstrap(self) -> str:
        text: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return text.decode()

    def create_topic(self, topic: str, partitions: int = 1) -> str:
        done = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert done == 0, (topic, done)
        return topic

    def fail_topic(self, topic: str, code: int) -> None:
        """Answer with `code` wherever the topic is asked for in metadata; 0 ends it."""
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), code)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        done = self._library.rd_kafka_mock_partition_delete_records(
            self._cluster, topic.encode(), partition, ctypes.c_int64(before)
        )
        assert done == 0, (topic, partition, done)

    def fail_next(self, api: Api, codes: Sequence[int]) -> None:
        """Answer the next requests of this type with these errors, one each."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array
        )

    def delay_next(self, api: Api, delay_ms: int, times: int = 1, broker: int = 1) -> None:
        """Answer the next requests of this type late, and well."""
        for _ in range(times):
            self._library.rd_kafka_mock_broker_push_request_error_rtts(
                self._cluster,
                ctypes.c_int32(broker),
                ctypes.c_int16(api),
                ctypes.c_size_t(1),
                ctypes.c_int(0),
                ctypes.c_int(delay_ms),
            )

    def clear_faults(self, api: Api) -> None:
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, ctypes.c_int16(api))

    def set_down(self, broker: int = 1) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(broker))

    def set_up(self, broker: int = 1) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(broker))

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)


@contextlib.contextmanager
def mock_cluster(brokers: int = 1) -> Iterator[MockCluster]:
    cluster = MockCluster(brokers)
    try:
        yield cluster
    finally:
        cluster.close()
