"""What Kafka says to the configuration: brokers, topics, dead letters, group, last records."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaException

from daemon.config.plaintext import far_hosts, in_plain_text
from daemon.config.settings import Settings
from daemon.errors import CohortdError
from daemon.kafka.client_errors import describe, error_of
from daemon.tools.check.cluster import Cluster, NoAnswer
from daemon.tools.check.finding import Finding, Group, count, listed, ok, problem, warning
from daemon.tools.check.group import look_at_group
from daemon.tools.check.records import look_at_records
from daemon.tools.check.topics import Topics


def look(settings: Settings) -> list[Group]:
    """Ask, in at most half a minute; whatever fails is a finding, and the rest is still told."""
    findings: list[Finding] = []
    sampled: list[Finding] = []
    title = f"Kafka at {settings.kafka.bootstrap_servers}, group {settings.kafka.group_id}"
    try:
        with Cluster(settings) as cluster:
            _ask(cluster, settings, findings, sampled)
    except NoAnswer as answer:
        findings += answer.findings
    except KafkaException as exception:
        remedy = "see whether the brokers are well, and try again"
        findings.append(problem("Kafka", describe(error_of(exception)), remedy))
    groups = [Group(title, tuple(findings))]
    if sampled:
        groups.append(
            Group("The last records, through the mapping; nothing is sent", tuple(sampled))
        )
    return groups


def _ask(
    cluster: Cluster, settings: Settings, findings: list[Finding], sampled: list[Finding]
) -> None:
    metadata = cluster.connect()
    findings.append(
        ok("kafka.bootstrap_servers", f"reached {count(len(metadata.brokers), 'broker')}")
    )
    findings += far_brokers(settings, [broker.host for broker in metadata.brokers.values()])
    topics = Topics(cluster, settings, metadata)
    findings += topics.look()
    partitions = topics.partitions()
    ranges = cluster.ranges(partitions) if partitions else {}
    findings += look_at_group(cluster, settings, ranges)
    if ranges:
        try:
            sampled += look_at_records(cluster, settings, ranges, topics.compacted)
        except CohortdError as error:  # The schema registry: what else was found stays.
            remedy = "the last records can't be looked at before that"
            sampled.append(problem("inputs", str(error), remedy))


def far_brokers(settings: Settings, hosts: Sequence[str]) -> list[Finding]:
    """Warn of hosts that the cluster names, which are to be reached in plain text far away."""
    kafka = settings.kafka
    far = far_hosts(hosts) if in_plain_text(kafka.properties) else []
    if not far or kafka.allow_plaintext:
        return []
    what = f"the cluster says it is at {listed(far)} too, where it is reached without TLS"
    remedy = "set security.protocol to SSL or SASL_SSL, or kafka.allow_plaintext: true"
    return [warning("kafka.bootstrap_servers", what, remedy)]
