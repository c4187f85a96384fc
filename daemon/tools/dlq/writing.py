"""Letters written back, in a transaction: nobody sees one that something later has overtaken.

Between the scan of a log and the write, a producer may say something later of the same member; the
letter would then stand behind it, and an old state would be the newest. So what is written is not
committed before the log has been looked at up to it. The daemon reads committed records only.

Source: KIP-98. A record of an open transaction has its place in the log, and is invisible to
readers of committed records until the transaction's end.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from daemon.config.settings import Settings, client_properties
from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.kafka.client_config import client_log, consumer_config, producer_config
from daemon.kafka.client_errors import describe, error_of
from daemon.tools.dlq.judging import Where
from daemon.tools.dlq.reading import Readers, Who
from daemon.tools.log.scan import Scan, Stretch

BATCH_MAX: Final = 500  # Of one transaction: others' committed records wait behind it.
_START_S: Final = 30.0
_END_S: Final = 30.0
_TRANSACTION_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Again:
    """A record to be written again, and the members it is about."""

    origin: Partition  # Whose log says what came later,
    partition: Partition  # and where it goes: the same, unless somebody else owns that.
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    who: tuple[Who, ...]


def progress_group(settings: Settings) -> str:
    """Return the name of the group that remembers how far the letters have been dealt with."""
    return f"{settings.kafka.group_id}.dlq-replay"


class Writer:
    """Writes batches, each whole or not at all. Use it within `with`, from one thread."""

    def __init__(self, settings: Settings, readers: Readers) -> None:
        self._readers = readers
        self._id = progress_group(settings)
        own = client_properties(settings, "producer")
        self._producer = Producer(
            {
                **producer_config(own),
                "transactional.id": self._id,
                "transaction.timeout.ms": _TRANSACTION_MS,
            },
            logger=client_log,
        )
        group = {"group.id": self._id}
        self._consumer = Consumer(
            {
                **consumer_config({**client_properties(settings), **group}),
                # The records of this very transaction stand between, and those of others may too.
                "isolation.level": "read_uncommitted",
            },
            logger=client_log,
        )
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def progress(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Return from where letters are not dealt with yet, where that is known."""
        with _readably("the progress so far"):
            asked = [TopicPartition(*partition) for partition in partitions]
            found = self._consumer.committed(asked, timeout=_START_S)
        return {Partition(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

    def note_progress(self, offsets: Mapping[Partition, int]) -> None:
        """Note from where letters are not dealt with yet; no letter is written."""
        if not offsets:
            return
        with _readably("noting the progress"):
            places = [TopicPartition(*p, offset) for p, offset in offsets.items()]
            self._consumer.commit(offsets=places, asynchronous=False)

    def write(self, batch: Sequence[Again], seen: Mapping[Partition, int]) -> dict[Where, int]:
        """Write a batch, and return what has overtaken a record of it: then none is written.

        `seen` is up to where the logs were looked at. Raise CohortdError where it can't be done;
        then none is written either.
        """
        if not self._begun:
            with _readably(f"transaction {self._id}"):
                self._producer.init_transactions(_START_S)
            self._begun = True
        with _readably(f"transaction {self._id}"):
            self._producer.begin_transaction()
        try:
            with _readably("writing the records"):
                places = self._produce(batch)
            later = self._overtaken(batch, places, seen)
            if not later:
                with _readably(f"transaction {self._id}"):
                    self._producer.commit_transaction(_END_S)
                return {}
        except BaseException:
            self._abort()
            raise
        self._abort()
        return later

    def _abort(self) -> None:
        with contextlib.suppress(KafkaException):  # The broker ends it by itself in a minute.
            self._producer.abort_transaction(_END_S)

    def _produce(self, batch: Sequence[Again]) -> list[int]:
        """Return the offset at which each record of the batch stands."""
        places: list[int | None] = [None] * len(batch)
        failed: list[KafkaError] = []

        def heard(at: int, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failed.append(error)
            else:
                places[at] = message.offset()

        for at, record in enumerate(batch):
            self._producer.produce(
                record.partition.topic,
                partition=record.partition.number,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                on_delivery=lambda error, message, at=at: heard(at, error, message),  # type: ignore[misc]
            )
        self._producer.flush(_END_S)
        if failed:
            raise KafkaException(failed[0])
        if None in places:
            raise KafkaException(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001
        return [place for place in places if place is not None]

    def _overtaken(
        self, batch: Sequence[Again], places: Sequence[int], seen: Mapping[Partition, int]
    ) -> dict[Where, int]:
        """Look at what came between the scan and each record: a member's later word counts."""
        ours: dict[Partition, set[int]] = defaultdict(set)
        limits: dict[Where, float] = {}  # Behind it, a later word is rightly the last.
        for record, place in zip(batch, places, strict=True):
            ours[record.partition].add(place)
            in_place = record.origin == record.partition
            limit = place if in_place else math.inf
            limits |= {Where(record.origin, who): limit for who in record.who}
        scan = Scan(self._consumer)
        later: dict[Where, int] = {}
        stretches = [self._stretch(p, seen[p]) for p in sorted({at.partition for at in limits})]
        for run in scan.runs(stretches):
            wanted = {where.who for where in limits if where.partition == run.partition}
            for who, offset in self._readers.offsets(run, wanted):
                where = Where(run.partition, who)
                if offset < limits[where] and offset not in ours[run.partition]:
                    later[where] = offset
        for partition, fault in scan.faults.items():
            raise CohortdError(f"{partition}: {fault}; nothing was written")
        return later

    def _stretch(self, partition: Partition, seen: int) -> Stretch:
        """Return what stands behind the scan, this very transaction's records among it."""
        with _readably(f"the end of {partition}"):
            place = TopicPartition(*partition)
            _, end = self._consumer.get_watermark_offsets(place, timeout=_START_S)
        return Stretch(partition, seen, end)


@contextlib.contextmanager
def _readably(what: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as exception:
        why = describe(error_of(exception))
        remedy = (
            "this user needs Write on the topics and on the transactional id, and Read on the group"
        )
        raise CohortdError(f"{what}: {why}; nothing was written ({remedy})") from None
