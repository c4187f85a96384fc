"""The topics of the inputs, as the cluster has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, TopicCollection

from daemon.config.settings import Settings

if TYPE_CHECKING:
    from daemon.tools.check.cluster import Cluster


def find_topics(cluster: Cluster, settings: Settings) -> tuple[dict[str, int], list[str]]:
    """Return the partition counts of the inputs' topics, and the names that are not there.

    A name that is not there comes with the cluster's word for why.
    """
    known = dict(cluster.connect().topics)
    counts: dict[str, int] = {}
    missing: list[str] = []
    for entry in settings.inputs:
        if entry.topic is None:
            pattern = re.compile(entry.pattern or "")
            matched = [name for name in known if pattern.fullmatch(name)]
        else:
            matched = [entry.topic]
            if entry.topic not in known:  # A topic we may not see is missing from the list.
                limit_s = cluster.limit_s()
                known |= cluster.consumer.list_topics(entry.topic, timeout=limit_s).topics
            if known[entry.topic].error is not None:
                missing.append(f"{entry.topic} ({known[entry.topic].error.str()})")
        usable = (name for name in matched if known[name].error is None)
        counts |= {name: len(known[name].partitions) for name in usable}
    return counts, missing


def topic_ids(cluster: Cluster, topics: Sequence[str]) -> dict[str, str]:
    """Return the ids of the topics; none where the broker does not tell them."""
    if not topics:
        return {}
    limit_s = cluster.limit_s()
    asked = cluster.admin.describe_topics(TopicCollection(list(topics)), request_timeout=limit_s)
    answers: Mapping[str, Any] = cluster.settle(asked)
    told = {name: a for name, a in answers.items() if not isinstance(a, KafkaError)}
    return {name: str(answer.topic_id) for name, answer in told.items()}
