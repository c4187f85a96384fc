"""Where partitions begin that are assigned to a process which has met their topics before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.core.intent import Mark
from daemon.core.model import Partition
from daemon.core.takeover import MADE_ANEW, Destination, Parked
from daemon.core.tenure import Start
from daemon.intake.starts import FirstStart, Starts
from daemon.kafka.records import Committed

if TYPE_CHECKING:
    from collections.abc import Sequence

P = Partition("input", 0)


class FakeConsumer:
    """A topic of one partition, whose log has the offsets 3 to 9."""

    def __init__(self) -> None:
        self.ids = {"input": "old"}
        self.commits: dict[Partition, Committed | None] = {}

    def partition_counts(self, timeout_s: float) -> dict[str, int]:
        return {"input": 1}

    def topic_ids(self, timeout_s: float) -> dict[str, str]:
        return self.ids

    def committed(
        self, partitions: Sequence[Partition], timeout_s: float
    ) -> dict[Partition, Committed | None]:
        return {partition: self.commits.get(partition) for partition in partitions}

    def log_range(self, partition: Partition, timeout_s: float) -> tuple[int, int]:
        return 3, 9


def _starts(consumer: FakeConsumer, at: str = "earliest") -> Starts:
    return Starts(cast("Any", consumer), Destination("f", 30.0), FirstStart(at))


@pytest.mark.parametrize("at", ["earliest", "latest"])
def test_a_topic_deleted_while_it_was_nobodys_is_parked_when_it_comes_back(at: str) -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer, at)
    assert isinstance(starts.find([P], 0.0)[P], Start)

    consumer.ids = {}
    starts.find([], 1.0)
    consumer.ids = {"input": "new"}

    found = starts.find([P], 2.0)[P]
    assert isinstance(found, Parked)
    assert found.why == MADE_ANEW


def test_a_topic_that_only_a_survey_has_met_is_known_as_well() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    starts.met({"input": "older"})

    assert isinstance(starts.find([P], 0.0)[P], Parked)


def test_after_a_reset_the_new_topic_is_the_one_that_is_known() -> None:
    consumer = FakeConsumer()
    starts = _starts(consumer)
    starts.met({"input": "older"})
    consumer.commits[P] = Committed(
        5, Mark(9, clean=True, topic_id="old", fingerprint="f").encode()
    )

    assert isinstance(starts.find([P], 0.0)[P], Start)
    consumer.commits.clear()
    assert isinstance(starts.find([P], 1.0)[P], Start)
