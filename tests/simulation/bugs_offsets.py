"""Planted bugs of offsets and dead letters: what is taken for done, and what commits say."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from daemon.core.intent import Intent
from daemon.core.ledger import PartitionLedger
from daemon.core.model import Flush, Outcome, Partition
from daemon.core.relay import Relay
from daemon.core.tenure import Tenure
from daemon.intake import committer
from daemon.intake.committer import Committer
from daemon.intake.handover import Handover
from daemon.intake.letters import Letters
from daemon.intake.ownership import Ownership
from daemon.kafka.records import Commit, CommitResult, PartitionFault, Run
from daemon.kafka.runs import Reading
from tests.simulation.planting import Bug, bug


def _position(ledger: PartitionLedger) -> tuple[int, int | None]:
    return ledger.position, None


def _newest_hold(ledger: PartitionLedger) -> tuple[int, int | None]:
    return next(reversed(ledger._holds.values()), (ledger.position, None))


def _tickets_again(ledger: PartitionLedger, floor: int, epoch: int | None = None) -> int:
    with patch("daemon.core.ledger._tickets", itertools.count(ledger.open_holds + 1)):
        return _HOLD(ledger, floor, epoch)


_HOLD = PartitionLedger.hold


def _done_when_refused(letters: Letters, _flush: Flush, outcome: Outcome, now_s: float) -> None:
    letters._relay.complete(outcome, now_s)


def _done_when_written(letters: Letters, flush: Flush, outcome: Outcome, now_s: float) -> None:
    assert letters._outbox is not None
    for reason, letter in letters._maker.of_refusal(flush, outcome) if outcome.refused else ():
        ticket = letters._outbox.send(letter)
        letters._sent[ticket] = (reason, Outcome(-1))
        letters._waiting_of_flush[-1] = 10**9
    letters._relay.complete(outcome, now_s)


def _reject_without_hold(
    letters: Letters, _partition: Partition, _floor: int, rejects: Sequence[Any]
) -> None:
    assert letters._outbox is not None
    for reject in rejects:
        ticket = letters._outbox.send(letters._maker.of_record(reject))
        letters._sent[ticket] = (reject.reason, Outcome(-1))
        letters._waiting_of_flush[-1] = 10**9


def _failure_for_done(one: Committer, result: CommitResult, now_s: float) -> None:
    _TAKE(one, CommitResult(result.commit), now_s)


_TAKE = Committer._take


def _unmarked(intent: Intent) -> Commit:
    return Commit(intent.partition, intent.offset, "", intent.leader_epoch)


def _kept(_relay: Relay, _partition: Partition) -> None:
    return


def _commit_what_is_lost(handover: Handover, partitions: Sequence[Partition]) -> None:
    handover._committer.commit_last(partitions, handover._clock())
    _LOSE(handover, partitions)


_LOSE = Handover.lose


def _last_from_a_copy(tenure: Tenure, now_s: float, *, last: bool) -> Intent:
    """Make the last commit of a partition from what was there when it began."""
    intent = _INTENT(tenure, now_s, last=last)
    began: int = _BEGAN.setdefault(id(tenure), intent.offset)
    return dataclasses.replace(intent, offset=began) if last else intent


_INTENT = Tenure.intent
_BEGAN: dict[int, int] = {}


def _out_of_date(reading: Reading, topic: str, number: int, records: list[Any]) -> Iterator[Run]:
    partition = Partition(topic, number)
    first, last = records[0].offset(), records[-1].offset()
    if partition in reading:
        reading._floors[partition] = last + 1
        reading._heard.add(partition)
    yield Run(partition, records, first, last + 1, 0)


def _on_from_where_there_is(ownership: Ownership, fault: PartitionFault) -> None:
    """Do what `auto.offset.reset: earliest` does."""
    low, _ = ownership._consumer.log_range(fault.partition, 1.0)
    ownership._consumer.seek(fault.partition, low)


BUGS: dict[str, Bug] = {
    "committed_before_acknowledged": bug("G2", (PartitionLedger, "committable", _position)),
    "newest_hold_decides": bug("G2", (PartitionLedger, "committable", _newest_hold)),
    "ticket_used_again": bug("G2", (PartitionLedger, "hold", _tickets_again)),
    "done_when_refused": bug("G2", (Letters, "complete", _done_when_refused)),
    "dead_letter_not_awaited": bug("G2", (Letters, "complete", _done_when_written)),
    "broken_record_without_hold": bug("G2", (Letters, "reject", _reject_without_hold)),
    "failed_commit_taken_for_done": bug("G5, G6", (Committer, "_take", _failure_for_done)),
    "commit_without_mark": bug("G15", (committer, "_commit", _unmarked)),
    "foreign_commit": bug("G7", (Relay, "give_up", _kept)),
    "lost_partition_committed": bug("G7", (Handover, "lose", _commit_what_is_lost)),
    "committed_backwards": bug("G7, G6", (Tenure, "intent", _last_from_a_copy)),
    "out_of_date_records_taken": bug("G2, rule 3", (Reading, "_run", _out_of_date)),
    "out_of_range_passed_over": bug("G2, rule 3", (Ownership, "fault", _on_from_where_there_is)),
}
