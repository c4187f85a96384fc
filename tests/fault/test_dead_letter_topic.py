"""Row 73: the topic of dead letters is missing, or takes less than a record."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage

PIECE = 100  # Letters of 100 kB: 10 MB, of which four are more than the 32 MiB that may wait.


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


def test_row_73_large_letters_hold_the_reading_before_they_fill_the_memory(
    one_stage: Stage,
) -> None:
    stage = one_stage
    letters = topics.unique("late")
    daemon = stage.start({"dead_letter.topic": letters})
    daemon.wait_until_assigned(4)
    broken = [os.urandom(100_000) for _ in range(6 * PIECE)]
    users = [f"u{number}" for number in range(9 * PIECE)]
    fives = zip(users[::3], broken[::2], users[1::3], broken[1::2], users[2::3], strict=True)
    values = [v if isinstance(v, bytes) else add("vip", v) for five in fives for v in five]
    records = PIECE * 5 // 2  # Of a piece: two of five can't be used.

    def read_of(status: dict[str, Any]) -> int:
        return int(status["counters"]["records_read"])

    def states(status: dict[str, Any]) -> set[str]:
        return {row["state"] for row in status["partitions"]}

    stage.produce(*values[: 3 * records])
    status = daemon.wait_for("it has read", lambda status: read_of(status) == 3 * records)
    assert states(status) == {"assigned"}
    stage.produce(*values[3 * records : 4 * records])
    daemon.wait_for("nothing is read", lambda status: states(status) == {"paused"})
    stage.produce(*values[4 * records :])

    status = daemon.wait_for_reason("dead_letter")
    assert 3 * records < read_of(status) <= 4 * records
    topics.create_topic(stage.bootstrap, name=letters)
    assert {letter.value() for letter in stage.read(letters, len(broken))} == set(broken)
    stage.wait_members(vip=set(users))
    wait_until("the offset has moved on", lambda: stage.committed_offset() == len(values))
    daemon.wait_until_ready()
    assert daemon.terminate() == 0
