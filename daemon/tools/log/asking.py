"""A cluster to ask from, where whatever does not answer becomes readable lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException

from daemon.config.settings import Settings
from daemon.errors import CohortdError
from daemon.kafka.client_errors import describe, error_of
from daemon.tools.check.cluster import Cluster, NoAnswer


@contextmanager
def asking(settings: Settings, properties: Mapping[str, Any] | None = None) -> Iterator[Cluster]:
    """Give a cluster to ask; raise CohortdError where it gives no answer.

    `properties` are of its consumer, in place of what suits a few questions.
    """
    try:
        with Cluster(settings, properties) as cluster:
            yield cluster
    except NoAnswer as answer:
        raise CohortdError("\n".join(map(str, answer.findings))) from None
    except KafkaException as exception:
        why = describe(error_of(exception))
        raise CohortdError(f"Kafka: {why}; see whether the brokers are well") from None
