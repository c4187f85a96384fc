"""The topics the configuration names: that they exist, are ours to use, and how they are kept.

Facts about Kafka: compaction keeps the last record of each key only, so it loses changes unless
the key names the member (docs/check.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from daemon.config.inputs import InputSettings
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.kafka.client_errors import describe
from daemon.tools.check.cluster import Cluster
from daemon.tools.check.finding import Finding, count, listed, note, ok, problem, warning
from daemon.tools.check.retention import describe_retention, kept_text

LOOKED_AT_MAX: Final = 100  # Topics a pattern may match beyond are counted, not asked about.

_MISSING: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001
_DENIED: Final = KafkaError.TOPIC_AUTHORIZATION_FAILED
_LETTERS: Final = "dead_letter.topic"
_NAMES: Final = "cohorts.names_topic"
_SETTINGS: Final = ("cleanup.policy", "retention.ms", "retention.bytes")


class Topics:
    """What the cluster knows of the topics the configuration names."""

    def __init__(self, cluster: Cluster, settings: Settings, metadata: Any) -> None:  # noqa: ANN401
        self._cluster = cluster
        self._settings = settings
        self._known: dict[str, Any] = dict(metadata.topics)
        self.compacted: set[str] = set()  # As far as their settings could be read.
        # The topics that exist, with the setting that takes them.
        self._inputs: dict[str, str] = {}
        self._others: dict[str, str] = {}

    def partitions(self) -> list[Partition]:
        """Return every partition of the topics found, once `look` has been called."""
        return [
            Partition(topic, number)
            for topic in self._inputs
            for number in sorted(self._known[topic].partitions)
        ]

    def look(self) -> list[Finding]:
        """Return what there is to say of each topic."""
        findings = [each for found in self._look_for() for each in found]
        for where, topic in (
            (_LETTERS, self._settings.dead_letter.topic),
            (_NAMES, self._settings.cohorts.names_topic),
        ):
            if topic is not None:
                missing = self._find(topic, where)
                findings += missing
                self._others |= {} if missing else {topic: where}
        if self._settings.dead_letter.topic is None:
            what = "is null: a record that can't be used stops its partition"
            findings.append(note(_LETTERS, what))
        return findings + self._describe([*list(self._inputs)[:LOOKED_AT_MAX], *self._others])

    def _look_for(self) -> Iterator[list[Finding]]:
        for number, entry in enumerate(self._settings.inputs):
            if entry.topic is not None:
                where = f"inputs[{number}].topic"
                missing = self._find(entry.topic, where)
                if not missing:
                    self._inputs[entry.topic] = where
                yield missing
            else:
                yield self._match(entry, f"inputs[{number}].pattern")

    def _find(self, topic: str, where: str) -> list[Finding]:
        """Return why a named topic can't be used; nothing when it can."""
        if topic not in self._known:  # A topic we may not see is missing from the list.
            limit_s = self._cluster.limit_s()
            self._known |= self._cluster.consumer.list_topics(topic, timeout=limit_s).topics
        error = self._known[topic].error
        if error is None:
            return []
        if error.code() == _DENIED:
            rights = " and ".join(each.name.capitalize() for each in _rights(where))
            what = f"this user may not see topic {topic}"
            return [problem(where, what, f"grant Describe and {rights} on it")]
        if error.code() in _MISSING:
            what = f"topic {topic} does not exist"
            return [problem(where, what, _remedy(where))]
        return [problem(where, f"topic {topic}: {describe(error)}", "see to it at the broker")]

    def _match(self, entry: InputSettings, where: str) -> list[Finding]:
        matched = sorted(
            name
            for name, topic in self._known.items()
            if topic.error is None and re.fullmatch(entry.pattern or "", name)
        )
        twice = [name for name in matched if name in self._inputs]
        self._inputs.update({name: where for name in matched if name not in self._inputs})
        if twice:
            other = self._inputs[twice[0]]
            what = f"matches {listed(twice)}, which {other} takes already"
            return [problem(where, what, "narrow one: a topic stands in one input only")]
        if not matched:
            what = f"{entry.pattern} matches no topic yet; one that is made later is read"
            return [note(where, f"{what} from its first record")]
        findings = [ok(where, f"matches {count(len(matched), 'topic')}: {listed(matched)}")]
        if len(matched) > LOOKED_AT_MAX:
            findings.append(note(where, f"only {LOOKED_AT_MAX} topics are looked at closely"))
        return findings

    def _describe(self, topics: list[str]) -> list[Finding]:
        if not topics:
            return []
        limit_s = self._cluster.limit_s()
        admin = self._cluster.admin
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in topics]
        asked = admin.describe_configs(resources, request_timeout=limit_s)
        rights = admin.describe_topics(
            TopicCollection(topics), include_authorized_operations=True, request_timeout=limit_s
        )
        kept = self._cluster.settle({each.name: answer for each, answer in asked.items()})
        allowed = self._cluster.settle(rights)
        found = [each for topic in topics for each in self._one(topic, kept[topic], allowed[topic])]
        unread = {name: error for name, error in kept.items() if isinstance(error, KafkaError)}
        if unread:
            why = next(iter(unread.values())).str()
            told = f"the settings of {listed(unread)} can't be read: {why}"
            found.append(note("topics", told, "look at cleanup.policy and retention.ms yourself"))
        return found

    def _one(self, topic: str, kept: object, described: Any) -> Iterator[Finding]:  # noqa: ANN401
        where = self._inputs.get(topic) or self._others[topic]
        told = f"topic {topic} has {count(len(self._known[topic].partitions), 'partition')}"
        values = _values(kept)
        if values:
            told += f", cleanup.policy={values['cleanup.policy']}, kept {kept_text(values)}"
        operations = getattr(described, "authorized_operations", None) or [AclOperation.ALL]
        lacking = [each for each in _rights(where) if each not in operations]
        if lacking and AclOperation.ALL not in operations:
            act = " and ".join(each.name.capitalize() for each in lacking)
            yield problem(where, f"this user may not {act.lower()} topic {topic}", f"grant {act}")
        else:
            yield ok(where, told)
        if topic in self._inputs:
            yield from describe_retention(where, topic, values)
        yield from self._judge_compaction(where, topic, values.get("cleanup.policy"))

    def _judge_compaction(self, where: str, topic: str, policy: str | None) -> Iterator[Finding]:
        if policy is None:
            return
        if where == _NAMES:
            if policy != "compact":
                what = f"topic {topic} has cleanup.policy={policy}, so names in it are forgotten"
                yield warning(where, what, "set cleanup.policy=compact")
        elif "compact" in policy:
            self.compacted.add(topic)
            yield warning(
                where,
                f"topic {topic} is compacted: of all records with one key only the last stays",
                "set cleanup.policy=delete, unless the key names the member and the cohort",
            )


def _values(kept: object) -> Mapping[str, str]:
    if not isinstance(kept, dict):
        return {}
    return {name: str(kept[name].value) for name in _SETTINGS if name in kept}


def _rights(where: str) -> tuple[AclOperation, ...]:
    if where == _LETTERS:
        return (AclOperation.WRITE,)
    if where == _NAMES:
        return (AclOperation.READ, AclOperation.WRITE)
    return (AclOperation.READ,)


def _remedy(where: str) -> str:
    if where == _LETTERS:
        return "create it, or set dead_letter.topic: null to stop at a bad record instead"
    if where == _NAMES:
        return "create it with cleanup.policy=compact, or remove the setting"
    return f"create it, or correct {where}"
