"""The names that Braze has been told already, as `cohorts.names_topic` remembers them."""

from __future__ import annotations

from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.kafka.names_topic import name_in
from daemon.tools.check.cluster import Cluster
from daemon.tools.log.scan import Scan, Stretch, batches


def read_names(cluster: Cluster, scan: Scan, settings: Settings) -> dict[str, str]:
    """Return the remembered names by cohort; none where nothing remembers them.

    Raise NoAnswer or CohortdError where the topic can't be read.
    """
    topic = settings.cohorts.names_topic
    if topic is None:
        return {}
    known = cluster.consumer.list_topics(topic, timeout=cluster.limit_s()).topics[topic]
    ranges = cluster.ranges([Partition(topic, number) for number in sorted(known.partitions)])
    names: dict[str, str] = {}
    for batch in batches([Stretch(partition, *ends) for partition, ends in ranges.items()]):
        for run in scan.runs(batch):
            for record in run.records:
                names |= name_in(record.key(), record.value(), settings.fingerprint)
    return names
