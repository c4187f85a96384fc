"""Records with header names that confluent-kafka itself can't write, through librdkafka."""

from __future__ import annotations

import ctypes

from tests.support.mock_host import librdkafka

_PRODUCER = 0
_END, _TOPIC, _PARTITION, _VALUE, _FLAGS, _HEADER = 0, 1, 3, 4, 7, 9  # Of `rd_kafka_vtype_t`.
_COPY = 2


def produce_with_header(bootstrap: str, topic: str, name: bytes, value: bytes) -> None:
    """Write a record of this value with one header, to partition 0."""
    library = librdkafka()
    text = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    library.rd_kafka_conf_set(conf, b"bootstrap.servers", bootstrap.encode(), text, 512)
    client = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, conf, text, 512))
    assert client.value, text.value
    error = library.rd_kafka_producev(
        client,
        *(ctypes.c_int(_TOPIC), ctypes.c_char_p(topic.encode())),
        *(ctypes.c_int(_PARTITION), ctypes.c_int32(0)),
        *(ctypes.c_int(_VALUE), ctypes.c_char_p(value), ctypes.c_size_t(len(value))),
        *(ctypes.c_int(_FLAGS), ctypes.c_int(_COPY)),
        *(ctypes.c_int(_HEADER), ctypes.c_char_p(name), ctypes.c_char_p(b"v"), ctypes.c_ssize_t(1)),
        ctypes.c_int(_END),
    )
    assert error == 0, error
    assert library.rd_kafka_flush(client, 30_000) == 0
    library.rd_kafka_destroy(client)
