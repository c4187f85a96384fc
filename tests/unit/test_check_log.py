"""Record keys against members, and what a log's beginning and retention say."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from daemon.config.inputs import InputSettings
from daemon.core.model import Partition
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Run
from daemon.tools.check.finding import Finding, Level
from daemon.tools.check.record_keys import RecordKeys
from daemon.tools.check.retention import describe_lost, describe_retention
from tests.unit.test_check_preview import Stored

TOPIC = "cohort.membership"
Sampled = tuple[int, bytes | None, str, str]  # Partition, key, cohort, user.


def keyed(*records: Sampled, width: int = 4, compacted: bool = False) -> list[Finding]:
    keys = RecordKeys()
    decoder = compile_input(InputSettings(topic=TOPIC))
    for at, (number, key, cohort, user) in enumerate(records):
        event = {"cohort_id": cohort, "op": "add", "external_id": user}
        record = Stored(json.dumps(event).encode(), at, key)
        run = Run(Partition(TOPIC, number), [record], at, at + 1)
        keys.take(record, decoder.decode(run).change_set)
    return list(keys.findings(TOPIC, width, compacted=compacted))


def told(findings: Sequence[Finding]) -> list[tuple[Level, str]]:
    return [(finding.level, str(finding)) for finding in findings]


@pytest.mark.parametrize("by", ["user", "cohort", "both"])
def test_keys_by_user_by_cohort_or_by_both_are_fine(by: str) -> None:
    keys = {"user": b"u1", "cohort": b"vip", "both": b"vip|u1"}

    assert keyed((0, keys[by], "vip", "u1"), (0, keys[by], "vip", "u1")) == []


def test_a_member_under_two_keys_is_warned_of_though_they_share_a_partition() -> None:
    found = told(keyed((0, b"event-1", "vip", "u1"), (0, b"event-2", "vip", "u1")))

    assert [level for level, _ in found] == [Level.WARNING]
    assert "the changes of 1 member carry different keys" in found[0][1]


def test_with_one_partition_keys_do_not_matter() -> None:
    assert keyed((0, b"1", "vip", "u1"), (0, None, "vip", "u1"), width=1) == []


def test_compaction_is_fine_where_each_key_names_a_member() -> None:
    found = told(keyed((0, b"vip|u1", "vip", "u1"), (1, b"vip|u2", "vip", "u2"), compacted=True))

    assert found == [
        (Level.OK, f"{TOPIC}: is compacted; of 2 keys sampled each names a member"),
    ]


def test_compaction_by_user_loses_the_changes_of_other_cohorts() -> None:
    found = told(keyed((0, b"u1", "vip", "u1"), (0, b"u1", "gold", "u1"), compacted=True))

    assert [level for level, _ in found] == [Level.PROBLEM]
    assert "1 key sampled name several members each: changes are lost" in found[0][1]


def test_a_short_retention_is_held_against_the_longest_outage() -> None:
    short = {"cleanup.policy": "delete", "retention.ms": "3600000", "retention.bytes": "1000"}
    long = {"cleanup.policy": "delete", "retention.ms": "604800000", "retention.bytes": "-1"}
    compacted = {"cleanup.policy": "compact", "retention.ms": "3600000"}

    [time, size] = told(list(describe_retention("inputs[0].topic", TOPIC, short)))

    assert time[0] is Level.WARNING
    assert "keeps records 1 h; changes not delivered by then are lost" in time[1]
    assert (size[0], "1,000 bytes a partition" in size[1]) == (Level.NOTE, True)
    assert list(describe_retention("inputs[0].topic", TOPIC, long)) == []
    assert list(describe_retention("inputs[0].topic", TOPIC, compacted)) == []


def test_a_first_start_is_told_where_the_log_no_longer_begins_at_its_beginning() -> None:
    ranges = {Partition(TOPIC, 0): (0, 9), Partition(TOPIC, 1): (1200, 1300)}

    [(level, line)] = told(list(describe_lost(ranges, {TOPIC})))

    assert level is Level.WARNING
    assert "the log begins after offset 0 in 1 of 2 partitions (1: 1,200)" in line
    assert "who was added then is not added now" in line
    assert "which can't be seen here" in line
    assert list(describe_lost(ranges, set())) == []
    assert list(describe_lost({Partition(TOPIC, 0): (0, 9)}, {TOPIC})) == []
