"""A plan is of every partition: what has no answer yet is asked for again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.core.model import Partition
from daemon.core.tenure import Start
from daemon.errors import KafkaUnavailable
from daemon.intake.starts import Asked
from daemon.kafka.records import Survey
from daemon.tools.plan.backlog import _ask

if TYPE_CHECKING:
    from collections.abc import Sequence

P, Q, R = (Partition("t", number) for number in range(3))
SURVEY = Survey(0.0, {}, {"t": 3})


class Starts:
    """Answers for one partition at a time, the last one first; or for none but Q."""

    def __init__(self, *, answering: bool = True) -> None:
        self.asked: list[list[Partition]] = []
        self._answering = answering

    def find(self, partitions: Sequence[Partition], _survey: Survey, _now_s: float) -> Asked:
        self.asked.append(list(partitions))
        known = partitions[-1] if self._answering else Q
        found = {each: Start(each.number) for each in partitions if each == known}
        left = [each for each in partitions if each not in found]
        return Asked(found, dict.fromkeys(left, "why"), "" if self._answering else "no leader")


def test_it_asks_until_all_are_known_and_about_none_twice() -> None:
    starts = Starts()

    found = _ask(cast("Any", starts), [P, Q, R], SURVEY)

    assert list(found.items()) == [(P, Start(0)), (Q, Start(1)), (R, Start(2))]
    assert starts.asked == [[P, Q, R], [P, Q], [P]]


def test_one_that_is_not_answered_for_too_long_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(0, 100, 6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(now)))
    starts = Starts(answering=False)

    with pytest.raises(KafkaUnavailable, match="no leader"):
        _ask(cast("Any", starts), [P, Q, R], SURVEY)

    assert starts.asked == [[P, Q, R], [P, R], [P, R]]
