"""What the last records would become, and how many of which partition are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from confluent_kafka import Message

from daemon.assembly import decoder_of
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.tools.check.finding import Finding, Level
from daemon.tools.check.records import describe_preview, preview_of
from daemon.tools.check.sample import RECORDS_MAX, TOPICS_MAX, Sample, begin_at
from tests.support.configs import load_with

TOPIC = "cohort.membership"


@dataclass(frozen=True)
class Stored:
    """A record as the client hands it out."""

    content: bytes
    place: int
    its_key: bytes | None = b"k"

    def value(self) -> bytes:
        return self.content

    def key(self) -> bytes | None:
        return self.its_key

    def headers(self) -> None:
        return None

    def offset(self) -> int:
        return self.place

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_700_000_000_000


def event(member: str, op: str = "add", cohort: str = "vip", **more: str) -> bytes:
    return json.dumps({"cohort_id": cohort, "op": op, "external_id": member, **more}).encode()


def previewed(
    settings: Settings,
    *partitions: Sequence[bytes],
    width: int | None = None,
    key: bytes | None = b"k",
) -> list[Finding]:
    sample = Sample()
    for number, values in enumerate(partitions):
        records = [Stored(value, 100 + place, key) for place, value in enumerate(values)]
        sample.records[Partition(TOPIC, number)] = cast("list[Message]", records)
    preview = preview_of(TOPIC, sample, decoder_of(settings))
    wide = width or len(partitions)
    keys = preview.keys.findings(TOPIC, wide, compacted=False)
    return [*describe_preview(preview, settings), *keys]


def lines(findings: Sequence[Finding], level: Level) -> list[str]:
    return [str(finding) for finding in findings if finding.level is level]


def test_counts_what_the_records_would_become_by_cohort(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"cohorts.id_prefix": "eu-"})

    findings = previewed(
        settings,
        [event("1", cohort_name="VIPs"), event("2"), event("3", "remove"), event("1", cohort="b")],
    )

    assert lines(findings, Level.OK) == [
        "cohort.membership: of the last 4 records: 4 changes",
        "cohort.membership: cohort eu-b: 1 add, 0 removals",
        "cohort.membership: cohort eu-vip (VIPs): 2 adds, 1 removal",
    ]


def test_the_cohort_is_called_as_the_configuration_says(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"cohorts.overrides": {"vip": {"name": "Very"}}})

    findings = previewed(settings, [event("1", cohort_name="VIPs")])

    assert "cohort vip (Very): 1 add" in "".join(lines(findings, Level.OK))


def test_a_bad_record_is_told_with_reason_and_offset_and_without_its_values(tmp_path: Path) -> None:
    findings = previewed(load_with(tmp_path, {}), [event("1"), event("tell-tale", "upsert"), b"{"])

    told = lines(findings, Level.WARNING)
    assert len(told) == 2
    assert "would become a dead letter, unknown_op" in told[0]
    assert "(at cohort.membership:0 offset 101)" in told[0]
    assert "invalid_json" in told[1]
    assert "tell-tale" not in "".join(map(str, findings))


def test_a_topic_of_which_no_record_can_be_used_is_a_problem(tmp_path: Path) -> None:
    findings = previewed(load_with(tmp_path, {}), [b"<xml/>", b"<xml/>"])

    (told,) = lines(findings, Level.PROBLEM)
    assert "2 records would become dead letters" in told
    assert "correct the input's format and mapping" in told


def test_a_topic_that_says_nothing_of_a_selected_cohort_is_warned_of(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {"cohorts.include": ["other*"]})

    findings = previewed(settings, [event("1")])

    assert "1 ignored (cohort_not_selected 1)" in lines(findings, Level.OK)[0]
    assert "none says anything about a member" in lines(findings, Level.WARNING)[0]


def test_a_member_in_two_partitions_is_told(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {})

    apart = previewed(settings, [event("1")], [event("2")])
    split = previewed(settings, [event("1")], [event("1", "remove")])

    assert lines(apart, Level.WARNING) == []
    assert "1 member stand in more than one partition" in lines(split, Level.WARNING)[0]


def test_records_without_a_key_matter_only_where_there_are_partitions(tmp_path: Path) -> None:
    settings = load_with(tmp_path, {})

    alone = previewed(settings, [event("1")], width=1, key=None)
    several = previewed(settings, [event("1")], width=3, key=None)

    assert lines(alone, Level.WARNING) == []
    assert "1 record without a key, in 3 partitions" in lines(several, Level.WARNING)[0]


def test_an_empty_topic_is_no_fault(tmp_path: Path) -> None:
    (finding,) = previewed(load_with(tmp_path, {}), width=1)

    assert finding.level is Level.NOTE


def test_the_sample_is_dealt_out_among_partitions_that_have_records() -> None:
    full, short, empty = (Partition("a", number) for number in range(3))

    starts = begin_at({full: (0, 1000), short: (50, 53), empty: (7, 7)})

    assert starts == {full: 1000 - (RECORDS_MAX - 3), short: 50}


def test_the_sample_is_bounded_whatever_a_pattern_matches() -> None:
    ranges = {Partition(f"t{t}", p): (0, 9) for t in range(TOPICS_MAX + 9) for p in range(40)}

    starts = begin_at(ranges)

    assert len(starts) == TOPICS_MAX * RECORDS_MAX
