"""Row 73: the topic of dead letters is missing, or takes less than a record."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage


def test_row_73_a_missing_topic_holds_the_offset_and_drops_nothing(one_stage: Stage) -> None:
    stage = one_stage
    letters = topics.unique("late")
    daemon = stage.start({"dead_letter.topic": letters})
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    wait_until("it is committed", lambda: stage.committed_offset() == 1)

    stage.produce(b"broken", add("vip", "u2"))

    daemon.wait_for_reason("dead_letter")
    stage.wait_members(vip={"u1", "u2"})  # Others are not delayed.
    assert stage.committed_offset() == 1
    topics.create_topic(stage.bootstrap, name=letters)
    [letter] = stage.read(letters, 1)
    assert letter.value() == b"broken"
    wait_until("the offset has moved on", lambda: stage.committed_offset() == 3)
    daemon.wait_until_ready()
    assert daemon.terminate() == 0


def test_row_73_a_record_the_topic_is_too_small_for_is_cut_and_its_hash_kept(
    one_stage: Stage,
) -> None:
    stage = one_stage
    topics.alter_topic(stage.bootstrap, stage.letters_topic, max_message_bytes="20000")
    large = b"broken" * 10_000
    daemon = stage.start()

    stage.produce(large, add("vip", "u1"))

    stage.wait_members(vip={"u1"})
    [letter] = stage.letters(1)
    value, headers = letter.value(), dict(letter.headers() or [])
    assert value
    assert large.startswith(value)
    assert len(value) < 20_000
    told = f"sha256:{hashlib.sha256(large).hexdigest()} {len(large)}"
    assert headers["cohortd.cut"] == told.encode()
    wait_until("the offset has moved on", lambda: stage.committed_offset() == 2)
    assert daemon.terminate() == 0
