"""What became a dead letter, and what waits until Kafka has acknowledged it (G2).

Two kinds: a record that can't be used holds its partition; a member that Braze refused holds its
flush. Either is done only when every dead letter of it is acknowledged.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

from daemon.core.model import Flush, Outcome, Partition
from daemon.core.relay import Relay
from daemon.kafka.records import Letter, Reject
from daemon.logs import FoldedLog, event, get_logger
from daemon.metrics import Metrics

# The ratio of rejects is taken over this many records (`dead_letter.max_ratio`).
RATIO_RECORDS = 1_000

# While so many dead letters are not acknowledged, or so much is in them, nothing more is read: we
# hold each whole, and the producer a copy. What one poll brings comes on top, at worst as letters
# alone: at most 2,500 records, of what the client has prefetched and what comes while it waits.
# Prefetched are 16 MiB (`queued.max.messages.kbytes`) and, beyond that, an answer of each broker:
# 1 MiB of each of its partitions, 50 MiB in all (`fetch.max.bytes`), compressed as it is on the
# wire. So where records of 100 kB that do not compress come from 12 partitions there may be
# 32 + 16 + 12 MiB, twice. Small letters meet the count first, at some 2 kB each (measured).
LETTERS_WAITING_MAX = 10_000
LETTERS_BYTES_MAX = 32 * 1024 * 1024

# The partition and the ticket of its ledger that a record's letter holds.
_Held: TypeAlias = tuple[Partition, int]


class OutboxPort(Protocol):
    """Where dead letters go. Failures are retried inside for ever; `trouble` tells the last."""

    @property
    def trouble(self) -> str | None:
        """Why letters can't be written now, if they can't."""

    @property
    def held_bytes(self) -> int:
        """How much is in the letters not acknowledged: keys, values and headers."""

    def send(self, letter: Letter) -> int:
        """Take a letter and return its ticket."""

    def poll(self) -> list[int]:
        """Return the tickets acknowledged since the last call."""

    @property
    def failed(self) -> int:
        """How often Kafka did not take a letter."""

    def flush(self, timeout_s: float) -> bool:
        """Wait for all acknowledgements, at most this long; tell whether all came."""

    def close(self) -> None:
        """Give up what is not acknowledged."""


class LetterMaker(Protocol):
    """Makes letters of what could not be delivered."""

    def of_record(self, reject: Reject) -> Letter:
        """Return the record untouched, with headers that say why."""

    def of_refusal(self, flush: Flush, outcome: Outcome) -> Iterable[tuple[str, Letter]]:
        """Return a reason and a letter for each member refused."""


class Ratio:
    """How much of what was read lately could not be used; over a bound, something else is wrong."""

    def __init__(self, bound: float) -> None:
        self._bound = bound
        self._runs: deque[tuple[int, int]] = deque()
        self._records = 0
        self._rejects = 0

    def exceeded(self, records: int, rejects: int) -> bool:
        """Tell whether taking in a run like this goes over the bound; if not, take it in."""
        if self._records + records >= RATIO_RECORDS:
            ratio = (self._rejects + rejects) / (self._records + records)
            if ratio > self._bound:
                return True
        self._runs.append((records, rejects))
        self._records += records
        self._rejects += rejects
        while self._runs and self._records - self._runs[0][0] >= RATIO_RECORDS:
            old_records, old_rejects = self._runs.popleft()
            self._records -= old_records
            self._rejects -= old_rejects
        return False


class Letters:
    """Sends dead letters and releases what waits for them."""

    def __init__(
        self, outbox: OutboxPort | None, maker: LetterMaker, relay: Relay, metrics: Metrics
    ) -> None:
        self._outbox = outbox
        self._maker = maker
        self._relay = relay
        self._metrics = metrics
        self._log = FoldedLog(get_logger())
        self._sent: dict[int, tuple[str, _Held | Outcome]] = {}  # By ticket, with the reason.
        self._waiting_of_hold: dict[int, int] = {}
        self._waiting_of_flush: dict[int, int] = {}
        self._stuck: dict[int, Outcome] = {}
        self.acknowledged: Counter[str] = Counter()  # By reason, of the closed list.
        self._failed = 0  # Of the outbox's failures, those that are counted.

    @property
    def possible(self) -> bool:
        """False where no dead-letter topic is configured: a reject then stops its partition."""
        return self._outbox is not None

    @property
    def trouble(self) -> str | None:
        """Why dead letters can't be written, if they can't."""
        if self._stuck:
            return "Braze refused members, and dead_letter.topic is not set"
        return self._outbox.trouble if self._outbox else None

    @property
    def waiting(self) -> int:
        """How many letters are not acknowledged."""
        return len(self._sent)

    @property
    def full(self) -> bool:
        """Whether so much is not acknowledged that nothing more should be read."""
        if self._outbox is None:
            return False
        return self.waiting >= LETTERS_WAITING_MAX or self._outbox.held_bytes >= LETTERS_BYTES_MAX

    def reject(self, partition: Partition, floor: int, rejects: Sequence[Reject]) -> None:
        """Write these, and hold the partition at `floor` until they are acknowledged."""
        assert self._outbox is not None
        hold = self._relay.hold(partition, floor)
        self._waiting_of_hold[hold] = len(rejects)
        held = (partition, hold)
        for reject in rejects:
            ticket = self._outbox.send(self._maker.of_record(reject))
            self._sent[ticket] = (reject.reason, held)

    def complete(self, flush: Flush, outcome: Outcome, now_s: float) -> None:
        """Complete a flush, after the dead letters of what was refused are acknowledged."""
        if not outcome.refused:
            self._relay.complete(outcome, now_s)
            return
        if self._outbox is None:
            self._stuck[flush.id] = outcome
            return
        count = 0
        for reason, letter in self._maker.of_refusal(flush, outcome):
            ticket = self._outbox.send(letter)
            self._sent[ticket] = (reason, outcome)
            count += 1
        self._waiting_of_flush[flush.id] = count

    def turn(self, now_s: float) -> None:
        """Take acknowledgements."""
        if self._outbox is None:
            return
        done: Counter[str] = Counter()
        for ticket in self._outbox.poll():
            reason, waits = self._sent.pop(ticket)
            done[reason] += 1
            if isinstance(waits, Outcome):
                self._refusal_done(waits, now_s)
            else:
                self._record_done(*waits)
        for reason, count in done.items():
            self.acknowledged[str(reason)] += count
            self._metrics.dead_lettered(reason, count)
        if self._outbox.failed > self._failed:
            self._metrics.dead_letters_failed.inc(self._outbox.failed - self._failed)
            self._failed = self._outbox.failed
        if self._outbox.trouble:
            self._log.warning(event.DEAD_LETTER_FAILED, detail=self._outbox.trouble)
        else:
            self._log.forget(event.DEAD_LETTER_FAILED)

    def _record_done(self, partition: Partition, hold: int) -> None:
        self._waiting_of_hold[hold] -= 1
        if not self._waiting_of_hold[hold]:
            del self._waiting_of_hold[hold]
            self._relay.release(partition, hold)

    def _refusal_done(self, outcome: Outcome, now_s: float) -> None:
        self._waiting_of_flush[outcome.flush_id] -= 1
        if not self._waiting_of_flush[outcome.flush_id]:
            del self._waiting_of_flush[outcome.flush_id]
            self._relay.complete(outcome, now_s)

    def flush(self, timeout_s: float) -> None:
        """Wait for what is not acknowledged, at most this long."""
        if self._outbox is not None and self._sent:
            self._outbox.flush(timeout_s)

    def close(self) -> None:
        """Give up what is not acknowledged: it holds its offset, so it is made again."""
        if self._outbox is not None:
            self._outbox.close()
