from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.kafka.client_config import (
    LETTER_BYTES_MAX,
    admin_config,
    consumer_config,
    producer_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_broker_that_is_back_is_looked_for_soon_unless_told_otherwise() -> None:
    for config in (consumer_config({}), admin_config({}), producer_config({})):
        assert config["reconnect.backoff.max.ms"] == 5_000
        assert config["socket.connection.setup.timeout.ms"] == 10_000

    assert consumer_config({"reconnect.backoff.max.ms": "7000"})["reconnect.backoff.max.ms"] == (
        "7000"
    )


def test_the_broker_gathers_an_answer_only_for_as_long_as_we_have_bounded_it() -> None:
    ours, theirs = consumer_config({}), consumer_config({"fetch.wait.max.ms": 500})

    assert (ours["fetch.min.bytes"], ours["fetch.wait.max.ms"]) == (65_536, 50)
    assert "fetch.min.bytes" not in theirs
    assert consumer_config({"fetch.min.bytes": 1})["fetch.min.bytes"] == 1


@pytest.mark.parametrize("make", [consumer_config, admin_config, producer_config])
def test_a_first_wait_of_theirs_is_not_contradicted_by_a_longest_of_ours(
    make: Callable[[dict[str, object]], dict[str, object]],
) -> None:
    assert "reconnect.backoff.max.ms" not in make({"reconnect.backoff.ms": "8000"})


def test_a_producer_of_letters_has_room_for_the_largest_and_little_more() -> None:
    config = producer_config({"queue.buffering.max.kbytes": "1048576"})

    assert config["message.max.bytes"] == LETTER_BYTES_MAX
    assert 0 <= config["queue.buffering.max.kbytes"] * 1024 - LETTER_BYTES_MAX < 1024
