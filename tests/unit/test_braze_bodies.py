"""What is encoded of a request is encoded once, and not kept for longer than it may be needed."""

from __future__ import annotations

from daemon.braze.bodies import Bodies
from daemon.braze.body import encode_update
from daemon.core.model import CohortUpdate
from tests.support.builders import members


def update_of(count: int) -> CohortUpdate:
    return CohortUpdate.of("vip", members(count))


def test_a_second_attempt_sends_the_bytes_of_the_first() -> None:
    bodies, update, same = Bodies(), update_of(3), update_of(3)

    encoded = bodies.of(1, update)

    assert encoded == encode_update(update)
    assert bodies.of(1, update) is encoded
    assert bodies.of(1, same) is not encoded  # It may be told from the first by its identity only.
    assert bodies.of(2, update) is not encoded


def test_what_is_not_sent_again_is_kept_no_longer() -> None:
    bodies, update, other = Bodies(), update_of(3), update_of(4)
    encoded = bodies.of(1, update)
    bodies.of(1, other)
    bodies.of(2, update)

    bodies.forget(1, update)
    bodies.forget(1, update)
    assert bodies.of(1, update) is not encoded

    bodies.ended(1)
    bodies.ended(3)
    assert bodies.bytes_kept == len(encoded)
    bodies.ended(2)
    assert bodies.bytes_kept == 0


def test_what_finds_no_room_is_encoded_each_time() -> None:
    small, large = update_of(3), update_of(400)
    bodies = Bodies(bytes_max=len(encode_update(large)))

    first = bodies.of(1, small)

    assert bodies.of(2, large) == bodies.of(2, large) == encode_update(large)
    assert bodies.of(2, large) is not bodies.of(2, large)
    assert bodies.of(1, small) is first
    assert bodies.bytes_kept == len(first)
