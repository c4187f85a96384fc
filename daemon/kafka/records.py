"""The nouns of the Kafka side: what is read, what could not be read, what is committed.

It knows no client library: the real consumer, the fake one and a test's list of records all
speak in these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, TypeAlias

import msgspec

from daemon.core.model import Partition

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """What is used of a record; `confluent_kafka.Message` has it all.

    `timestamp` is (type, milliseconds since the epoch); type 0 means there is none.
    """

    def value(self) -> bytes | None:
        """Return its value, None for a tombstone."""

    def key(self) -> bytes | None:
        """Return its key."""

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        """Return its headers in order; a name may come twice."""

    def offset(self) -> int:
        """Return its place in the log."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its timestamp, and the timestamp."""


class Run(msgspec.Struct, frozen=True):
    """Records of one partition from one poll, at least one, in offset order."""

    partition: Partition
    records: Sequence[Record]
    first_offset: int
    next_offset: int  # The offset of the last record, plus one. The log may have gaps.
    leader_epoch: int | None = None

    def cut(self, at: int) -> tuple[Run, Run]:
        """Return its first `at` records, and the others; there must be some of either."""
        middle = self.records[at].offset()
        before = Run(
            self.partition, self.records[:at], self.first_offset, middle, self.leader_epoch
        )
        behind = Run(self.partition, self.records[at:], middle, self.next_offset, self.leader_epoch)
        return before, behind


class EndOfPartition(msgspec.Struct, frozen=True):
    """Everything in the log up to here has been handed out."""

    partition: Partition
    offset: int


class PartitionFault(msgspec.Struct, frozen=True):
    """A partition that can't go on: out of range, damaged, or gone.

    `code` is librdkafka's error name (`_AUTO_OFFSET_RESET`, `_BAD_MSG`, …).
    """

    partition: Partition
    code: str
    detail: str


Polled: TypeAlias = Run | EndOfPartition | PartitionFault


class Reason(StrEnum):
    """Why a record became a dead letter: the closed list of `cohortd.reason`."""

    NULL_VALUE = "null_value"  # No value where the format needs one.
    INVALID_JSON = "invalid_json"  # Not JSON, or not UTF-8.
    INVALID_RECORD = "invalid_record"  # Well-formed, but not of the format's shape.
    INVALID_AVRO = "invalid_avro"  # Not Avro in Confluent's framing, or cut short.
    UNKNOWN_SCHEMA = "unknown_schema"  # The registry does not know the schema's id.
    REFUSED_SCHEMA = "refused_schema"  # No schema, or one that is not fit to decode by.
    TOO_LARGE = "too_large"  # Over the size limit of one record.
    TOO_DEEP = "too_deep"  # Nested beyond the limit.
    UNKNOWN_OP = "unknown_op"  # An operation that is in no list; never guessed.
    MISSING_COLUMN = "missing_column"  # A column the mapping decides by is absent.
    MISSING_COHORT = "missing_cohort"  # No cohort id, or an empty one.
    MISSING_IDENTITY = "missing_identity"  # No identifier that names a user.
    INVALID_VALUE = "invalid_value"  # A value of a type that can't become an id.
    ID_TOO_LONG = "id_too_long"  # Over 512 bytes, or 256 for a cohort.
    TOO_MANY_COHORTS = "too_many_cohorts"  # Of a cohort beyond `cohorts.max_active`.
    TRUNCATE = "truncate"  # The table was emptied: whom that concerns the log does not say.
    UNSUPPORTED = "unsupported"  # An envelope this version refuses, with the remedy in its text.
    REFUSED = "refused"  # Braze will never take this member.
    GAVE_UP = "gave_up"  # Refused or locked longer than `backoff.give_up_after`.


class Reject(msgspec.Struct, frozen=True):
    """A record that can't be used, whole, so that it can be a dead letter untouched.

    `detail` names places and types and never carries a value of the record (G13).
    """

    partition: Partition
    offset: int
    reason: Reason
    detail: str
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int | None = None


class Letter(msgspec.Struct, frozen=True):
    """What is written to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class Commit(msgspec.Struct, frozen=True):
    """An offset to commit, with the intent that travels as its metadata (G5)."""

    partition: Partition
    offset: int
    metadata: str
    leader_epoch: int | None = None


class CommitResult(msgspec.Struct, frozen=True):
    """What the broker said to one commit. `error` is librdkafka's name, None when taken."""

    commit: Commit
    error: str | None = None
    detail: str = ""


class Committed(msgspec.Struct, frozen=True):
    """What the group had committed for a partition."""

    offset: int
    metadata: str
    leader_epoch: int | None = None


class GroupTimes(msgspec.Struct, frozen=True):
    """What stands in a group's configuration at the broker, which decides it under KIP-848."""

    session_s: float
    heartbeat_s: float


class Kept(msgspec.Struct, frozen=True):
    """How long a topic keeps records: up to an age, infinite where none counts, or to a size."""

    age_s: float
    by_size: bool = False


class Survey(msgspec.Struct, frozen=True):
    """What the brokers told of the inputs' topics and of the group, all asked after one moment.

    A topic that is not there is in neither mapping; a broker older than topic ids tells none.
    The group's times are None where nobody asked, or for the trouble that is told. Where logs
    begin, and how long they are kept, was asked a survey earlier and may be told of some only.
    """

    asked_at_s: float
    ids: Mapping[str, str]
    partitions: Mapping[str, int]
    group: GroupTimes | None = None
    group_trouble: str = ""
    log_starts: Mapping[Partition, int] = msgspec.field(default_factory=dict)
    kept: Mapping[str, Kept] = msgspec.field(default_factory=dict)


class Surveys(Protocol):
    """Where the surveys come from, one after the other, without anybody waiting for them."""

    @property
    def latest(self) -> Survey | None:
        """Return the last that was answered, None before the first."""

    def hurry(self) -> None:
        """Make the next one now: something was met that it may explain."""

    def own(self, partitions: frozenset[Partition]) -> None:
        """These are ours: the later ones tell where their logs begin."""


class RebalanceListener(Protocol):
    """Called on the intake thread, from inside `poll_runs` and `close`."""

    def on_assign(self, partitions: Sequence[Partition]) -> None:
        """They are ours from now on, and silent until `ConsumerPort.begin`.

        Ask the broker nothing in here: inside the client's callback that may end the process.
        """

    def on_revoke(self, partitions: Sequence[Partition]) -> None:
        """They are still ours until this returns."""

    def on_lost(self, partitions: Sequence[Partition]) -> None:
        """They may already be another's."""


class ConsumerPort(Protocol):
    """Our narrow face of a Kafka consumer. One thread calls it."""

    def subscribe(self, listener: RebalanceListener) -> None:
        """Join the group; the listener is called from later polls."""

    def poll_runs(self, max_records: int, timeout_s: float) -> Iterable[Polled]:
        """Wait at most `timeout_s`, serve rebalances and commit answers, return what is there.

        Records of partitions that are not assigned, or below the position last handed out,
        never come back from here.
        """

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Start fetching assigned partitions at these offsets; they are not paused."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Go on from another offset."""

    def pause(self, partitions: Sequence[Partition]) -> None:
        """Hand out nothing of these any more."""

    def resume(self, partitions: Sequence[Partition]) -> None:
        """Undo `pause`."""

    def position(self, partition: Partition) -> int | None:
        """Return the next offset to be read (past control records), None before the first."""

    def end_offset(self, partition: Partition) -> int | None:
        """Return the log end last seen in a fetch; never asks a broker.

        None before anything was heard of it since it was begun.
        """

    def commit(self, commits: Sequence[Commit]) -> None:
        """Send without waiting; answers come back from `commit_results` after later polls."""

    def commit_results(self) -> list[CommitResult]:
        """Return the answers that came since the last call, in any order."""

    def commit_now(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Send and wait: for those who give partitions up only."""

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        """Ask the group's coordinator. Raise `KafkaUnavailable` when it does not answer."""

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        """Return the first offset and the end of the log, as the broker has them now."""

    def offset_at(self, partition: Partition, timestamp_ms: int, timeout_s: float) -> int:
        """Return the first offset at or after a time, the end of the log when there is none."""

    def close(self) -> None:
        """Give back what is ours and leave the group."""
