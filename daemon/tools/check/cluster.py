"""A cluster to ask, for a limited time: clients that join no group, write and commit nothing.

It owns the clients, the time limits and the asking; what answers mean is others' business.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from daemon.config.settings import Settings, client_properties
from daemon.core.model import Partition
from daemon.kafka.client_config import admin_config, client_log, consumer_config
from daemon.kafka.client_errors import describe, error_of
from daemon.tokens.source import source_in
from daemon.tools.check.finding import Finding, problem
from daemon.tools.check.troubles import Troubles

TOTAL_S: Final = 30.0
CONNECT_S: Final = 10.0
_TRY_S: Final = 3.0  # Long enough for each address a name has.
_ASK_S: Final = 6.0

T = TypeVar("T")


class NoAnswer(Exception):  # noqa: N818  It is an answer, not a mistake.
    """The cluster can't be asked; `findings` say why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = tuple(findings)


class Cluster:
    """Asks with the daemon's own settings. Use it within `with`, from one thread."""

    def __init__(
        self, settings: Settings, *, total_s: float = TOTAL_S, reads_much: bool = False
    ) -> None:
        self.troubles = Troubles()
        self._end_s = time.monotonic() + total_s
        own: dict[str, Any] = {"error_cb": self.troubles.add}
        group = {"group.id": settings.kafka.group_id}
        consumer = consumer_config({**client_properties(settings), **group})
        if not reads_much:  # A few last records, so a few are enough to be fetched in advance.
            consumer |= {"queued.min.messages": 100, "queued.max.messages.kbytes": 4096}
        consumer |= own
        self._await_token(consumer)
        try:
            self.consumer = Consumer(consumer, logger=client_log)
            self.admin = AdminClient(
                {**admin_config(client_properties(settings, "admin")), **own}, logger=client_log
            )
        except KafkaException as exception:
            raise NoAnswer([_unmade(error_of(exception))]) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.consumer.close()

    def _await_token(self, properties: Mapping[str, object]) -> None:
        """Wait for what a client logs in with, where that is a token of a cloud's."""
        source = source_in(properties)
        if source is not None and not source.wait(self.limit_s(CONNECT_S)):
            remedy = "give this process a role of AWS, or credentials in its environment"
            raise NoAnswer([problem("kafka.oauth", source.trouble, remedy)])

    def limit_s(self, most_s: float = _ASK_S) -> float:
        """Return how long the next question may take."""
        return max(0.1, min(most_s, self._end_s - time.monotonic()))

    def connect(self) -> Any:  # noqa: ANN401 - The client library's own type has no name.
        """Return the cluster's metadata; raise NoAnswer, with the causes, where there is none."""
        end_s = time.monotonic() + self.limit_s(CONNECT_S)
        while (left_s := end_s - time.monotonic()) > 0:
            try:
                metadata = self.consumer.list_topics(timeout=min(_TRY_S, left_s))
            except KafkaException as exception:
                self.hear()
                if error_of(exception).fatal() or (self.troubles and self.troubles.all_down):
                    break
            else:
                self.hear()
                self.troubles.forget()
                return metadata
        raise NoAnswer(self.explain(_silent(CONNECT_S)))

    def hear(self) -> None:
        """Let the clients say what they complain of; nothing is read."""
        self.consumer.poll(0)
        self.admin.poll(0)

    def settle(self, answers: Mapping[str, Future[T]]) -> dict[str, T | KafkaError]:
        """Return the answers to questions asked together, each with its error where it has one."""
        found: dict[str, T | KafkaError] = {}
        for name, answer in answers.items():
            try:
                found[name] = answer.result(self.limit_s() + 1)
            except KafkaException as exception:
                found[name] = error_of(exception)
            except TimeoutError:
                found[name] = KafkaError(KafkaError._TIMED_OUT)  # noqa: SLF001
        self.hear()
        return found

    def ranges(self, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """Return the first offset of each partition and its end, of what is committed to it.

        One question each for all partitions. Raise NoAnswer where a leader is not reached.
        """
        lows = self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        highs = self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {partition: (lows[partition], highs[partition]) for partition in partitions}

    def _offsets(self, partitions: Sequence[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        asked = {TopicPartition(*partition): spec for partition in partitions}
        answers = self.admin.list_offsets(
            asked,
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self.limit_s(),
        )
        by_name = {f"{at.topic}:{at.partition}": answer for at, answer in answers.items()}
        found = self.settle(by_name)
        for name, answer in found.items():
            if isinstance(answer, KafkaError):
                raise NoAnswer(self.explain(_unread(name, answer)))
        return {p: found[str(p)].offset for p in partitions}  # type: ignore[union-attr]

    def fail(self, where: str, error: KafkaError, remedy: str) -> list[Finding]:
        """Return why a question got no answer."""
        return self.explain(problem(where, describe(error), remedy))

    def explain(self, unanswered: Finding) -> list[Finding]:
        """Return what the clients complain of, since that names the cause; else what is given."""
        self.hear()
        return self.troubles.findings() or [unanswered]


def _unmade(error: KafkaError) -> Finding:
    what = f"the Kafka client can't be made: {error.str()}"
    return problem("kafka.properties", what, "correct the property it names")


def _silent(waited_s: float) -> Finding:
    return problem(
        "kafka.bootstrap_servers",
        f"no answer within {waited_s:g} s, and no refusal either",
        "see whether a firewall drops the packets, and whether security.protocol is right",
    )


def _unread(name: str, error: KafkaError) -> Finding:
    what = f"the offsets can't be asked for: {describe(error)}"
    return problem(f"partition {name}", what, "see whether its leader is up, and the ACL: Describe")
