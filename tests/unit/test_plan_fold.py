"""The fold of a backlog: last words by cohort, and where a daemon would stand still."""

from __future__ import annotations

import json
from collections.abc import Sequence

from daemon.config.inputs import InputSettings
from daemon.core.model import Partition
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Run
from daemon.tools.log.scan import SMALL_RECORDS_MAX, Stretch, batches, until
from daemon.tools.log.strays import Strays
from daemon.tools.plan.fold import EXAMPLES_MAX, REJECT_KINDS_MAX, Fold, FoldRules, LastChanges
from tests.support.builders import P0, P1
from tests.support.corpus import FakeRecord

BAD = b"{"


def change(user: str, op: str = "add", cohort: str = "vip") -> bytes:
    return json.dumps({"cohort_id": cohort, "op": op, "external_id": user}).encode()


def run_of(values: Sequence[bytes], first: int = 0, partition: Partition = P0) -> Run:
    records = [FakeRecord(value, _offset=first + at) for at, value in enumerate(values)]
    return Run(partition, records, first, first + len(values))


class Folding:
    """A fold of native events, and what it handed on."""

    def __init__(self, rules: FoldRules | None = None) -> None:
        self.last: dict[Partition, LastChanges] = {}
        self.strays = Strays()
        decoder = compile_input(InputSettings(topic=P0.topic))
        self.fold = Fold(lambda _: decoder, rules or FoldRules(), self.strays, self._sink)

    def _sink(self, partition: Partition, last: LastChanges) -> None:
        self.last[partition] = {cohort: dict(changes) for cohort, changes in last.items()}


def test_the_last_change_of_a_member_wins_over_all_runs_of_its_partition() -> None:
    folding = Folding()

    folding.fold.take(run_of([change("u1"), change("u2"), change("u1", "remove")]))
    folding.fold.take(run_of([change("u2", "remove"), change("u2"), change("u1")], 3))
    folding.fold.close(P0)

    assert folding.last == {P0: {"vip": {"u1": True, "u2": True}}}
    assert (folding.fold.tally.changes, folding.fold.tally.members) == (6, 2)


def test_a_closed_partition_is_forgotten_but_for_its_numbers_and_hashes() -> None:
    folding = Folding()
    for partition in (P0, P1):
        folding.fold.take(run_of([change("u1")], partition=partition))
        folding.fold.close(partition)

    folding.fold.close(P0)

    assert folding.last[P0] == {}
    assert folding.fold.tally.costs["vip"].adds == 2
    assert folding.strays.find().strays == 1


def test_too_many_records_that_can_not_be_used_end_a_partition_and_no_other() -> None:
    folding = Folding(FoldRules(max_reject_ratio=0.5))
    mostly_bad = [*[BAD] * 900, *[change(f"u{n}") for n in range(300)]]

    folding.fold.take(run_of([change("early")]))
    folding.fold.take(run_of(mostly_bad, 1))
    folding.fold.take(run_of([change("late")], 1_201))
    folding.fold.take(run_of([change("other")], partition=P1))
    for partition in (P0, P1):
        folding.fold.close(partition)

    assert folding.last == {P0: {"vip": {"early": True}}, P1: {"vip": {"other": True}}}
    assert list(folding.fold.tally.stops) == [P0]
    assert "at offset 1: over 50% of the last records" in folding.fold.tally.stops[P0]


def test_examples_and_kinds_of_rejects_are_bounded() -> None:
    folding = Folding()

    folding.fold.take(run_of([BAD] * 50))

    [kind] = folding.fold.tally.rejects.values()
    assert (kind.count, len(kind.examples)) == (50, EXAMPLES_MAX)
    assert kind.examples[0] == f"{P0}:0"
    assert len(folding.fold.tally.rejects) <= REJECT_KINDS_MAX


def test_only_wanted_cohorts_are_counted() -> None:
    folding = Folding(FoldRules(wanted=lambda cohort: cohort == "vip"))

    folding.fold.take(run_of([change("u1"), change("u1", cohort="gold")]))
    folding.fold.close(P0)

    assert list(folding.fold.tally.costs) == ["vip"]


def test_small_stretches_are_read_together_and_a_large_one_alone() -> None:
    small = [Stretch(Partition("t", number), 0, SMALL_RECORDS_MAX // 2) for number in range(5)]
    large = Stretch(Partition("t", 9), 0, SMALL_RECORDS_MAX)
    empty = Stretch(Partition("t", 10), 7, 7)

    read = list(batches([*small, large, empty]))

    assert sorted(map(len, read)) == [1, 1, 2, 2]
    assert [large] in read
    assert {s.partition for batch in read for s in batch} == {s.partition for s in [*small, large]}


def test_a_run_is_cut_at_the_end_that_was_seen() -> None:
    run = run_of([change("u1"), change("u2")], 10)

    assert until(run, 12) is run
    cut = until(run, 11)
    assert cut is not None
    assert (len(cut.records), cut.next_offset) == (1, 11)
    assert until(run, 10) is None
