"""librdkafka's mock cluster, in a process that does what `mock_cluster` asks for.

The functions are librdkafka's own (`rdkafka_mock.h`), called in the library that confluent-kafka
brings along. They may crash the process, above all where a cluster is destroyed while clients
hold on to it: so nothing else runs in here, and nothing is destroyed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
from pathlib import Path

import confluent_kafka

_PRODUCER = 0


def librdkafka() -> ctypes.CDLL:
    """Return the library that confluent-kafka brings."""
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


class Cluster:
    """A cluster of `brokers`; a method for each request."""

    def __init__(self, brokers: int) -> None:
        self._library = librdkafka()
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

    def bootstrap(self) -> str:
        text: bytes = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster)
        return text.decode()

    def create_topic(self, topic: str, partitions: int) -> None:
        done = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert done == 0, (topic, done)

    def fail_topic(self, topic: str, code: int) -> None:
        self._library.rd_kafka_mock_topic_set_error(self._cluster, topic.encode(), code)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        done = self._library.rd_kafka_mock_partition_delete_records(
            self._cluster, topic.encode(), partition, ctypes.c_int64(before)
        )
        assert done == 0, (topic, partition, done)

    def fail_next(self, api: int, codes: list[int]) -> None:
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array
        )

    def delay_next(self, api: int, delay_ms: int, times: int, broker: int) -> None:
        for _ in range(times):
            self._library.rd_kafka_mock_broker_push_request_error_rtts(
                self._cluster,
                ctypes.c_int32(broker),
                ctypes.c_int16(api),
                ctypes.c_size_t(1),
                ctypes.c_int(0),
                ctypes.c_int(delay_ms),
            )

    def clear_faults(self, api: int) -> None:
        self._library.rd_kafka_mock_clear_request_errors(self._cluster, ctypes.c_int16(api))

    def set_down(self, broker: int) -> None:
        self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(broker))

    def set_up(self, broker: int) -> None:
        self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(broker))


def main() -> None:
    """Answer requests, one JSON line each, until nobody is left to ask."""
    cluster = Cluster(int(sys.argv[1]))
    print(json.dumps(cluster.bootstrap()), flush=True)
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            getattr(cluster, name)(*arguments)
        except AssertionError as error:
            print(json.dumps(str(error)), flush=True)
        else:
            print(json.dumps(None), flush=True)


if __name__ == "__main__":
    main()
