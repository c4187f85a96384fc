"""Every case of "Missing offsets: one rule", and G15."""

from __future__ import annotations

import math

import pytest

from daemon.core.intent import TO_THE_END, Mark
from daemon.core.takeover import (
    MADE_ANEW,
    Destination,
    Foreign,
    Log,
    Parked,
    first_start,
    take_over,
)
from daemon.core.tenure import END_OF_LOG, Start

_OURS = Destination("f1", 30.0)
_LOG = Log("topic")


def _after(mark: Mark | None, log: Log = _LOG) -> Start | Foreign | Parked:
    metadata = mark.encode() if mark else ""
    return take_over((500, metadata, 7), log, _OURS, now_s=100.0)


def test_a_clean_hand_over_has_a_barrier_and_no_wait() -> None:
    start = _after(Mark(900, True, "topic", "f1"))

    assert start == Start(500, 900, -math.inf, "topic", 7)


def test_an_open_hand_over_waits_from_the_assignment_on() -> None:
    start = _after(Mark(900, False, "topic", "f1"))

    assert start == Start(500, 900, 130.0, "topic", 7)


@pytest.mark.parametrize("metadata", ["", "by hand", '{"v":2,"to":900,"s":"clean"}'])
def test_a_commit_without_our_metadata_waits_behind_the_end_of_the_log(metadata: str) -> None:
    start = take_over((500, metadata, None), _LOG, _OURS, now_s=100.0)

    assert start == Start(500, END_OF_LOG, 130.0, "topic")


def test_no_commit_at_all_has_a_barrier_at_the_end_of_the_log_and_no_wait() -> None:
    start = first_start(12, _LOG, _OURS)

    assert start == Start(12, END_OF_LOG, -math.inf, "topic")


def test_a_predecessor_that_did_not_know_the_end_of_the_log_hands_the_barrier_on() -> None:
    start = _after(Mark(TO_THE_END, False, "topic", "f1"))

    assert start == Start(500, END_OF_LOG, 130.0, "topic", 7)


def test_a_topic_made_anew_is_parked() -> None:
    assert isinstance(_after(Mark(900, True, "another", "f1")), Parked)


@pytest.mark.parametrize(("marked", "told"), [("", "topic"), ("topic", ""), ("", "")])
def test_a_topic_id_that_was_not_told_parks_nothing(marked: str, told: str) -> None:
    start = _after(Mark(900, True, marked, "f1"), Log(told))

    assert isinstance(start, Start)
    assert start.topic_id == (told or marked)


_ANEW = Log("topic", known_id="before")


def test_a_topic_made_anew_before_our_eyes_is_parked_though_its_offsets_are_forgotten() -> None:
    found = first_start(12, _ANEW, _OURS)

    assert found == Parked(MADE_ANEW, Mark(TO_THE_END, False, "before", "f1"))
    assert found.mark is not None
    assert _after(found.mark, Log("topic")) == Parked(MADE_ANEW)  # And so a successor knows.


@pytest.mark.parametrize("mark", [None, Mark(900, True, "", "f1"), Mark(900, True, "before", "f1")])
def test_a_commit_that_does_not_name_the_new_topic_does_not_hide_that_it_is_new(
    mark: Mark | None,
) -> None:
    assert _after(mark, _ANEW) == Parked(MADE_ANEW)


def test_a_commit_that_names_the_new_topic_is_a_persons_word_on_how_to_go_on() -> None:
    assert _after(Mark(900, True, "topic", "f1"), _ANEW) == Start(500, 900, -math.inf, "topic", 7)


def test_the_offset_of_another_destination_is_not_ours() -> None:
    assert _after(Mark(900, True, "topic", "f2")) == Foreign("f2")


def test_another_destination_is_told_before_a_topic_made_anew() -> None:
    assert _after(Mark(900, True, "another", "f2")) == Foreign("f2")
