"""A cluster to ask from, where whatever does not answer becomes readable lines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from daemon.config.settings import Settings
from daemon.errors import CohortdError
from daemon.kafka.client_errors import describe, error_of
from daemon.tools.check.cluster import TOTAL_S, Cluster, NoAnswer


@contextmanager
def asking(settings: Settings, *, reads_much: bool = False) -> Iterator[Cluster]:
    """Give a cluster to ask; raise CohortdError where it gives no answer.

    Who `reads_much` takes as long as that takes: then only each question has a limit.
    """
    total_s = math.inf if reads_much else TOTAL_S
    try:
        with Cluster(settings, total_s=total_s, reads_much=reads_much) as cluster:
            yield cluster
    except NoAnswer as answer:
        raise CohortdError("\n".join(map(str, answer.findings))) from None
    except KafkaException as exception:
        why = describe(error_of(exception))
        raise CohortdError(f"Kafka: {why}; see whether the brokers are well") from None
