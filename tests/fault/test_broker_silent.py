"""A broker that is there and answers nobody: the loop turns, and a stop is obeyed (G10, G14)."""

from __future__ import annotations

import os
import re
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaException

from tests.support import topics
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.brokers import KafkaServer
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

SILENT_S = float(os.environ.get("COHORTD_TEST_SILENT_S", "12"))
TURN_S_MAX = 0.5


@pytest.fixture
def silence(kafka_server: KafkaServer) -> Iterator[KafkaServer]:
    """Return the broker to freeze; after the test it answers again, as the next one expects."""
    yield kafka_server
    kafka_server.thaw()

    def answers() -> bool:
        try:
            topics.create_topic(kafka_server.bootstrap, timeout_s=15.0)
        except (KafkaException, TimeoutError):  # A broker that has just come back may forget one.
            return False
        return True

    wait_until("the broker answers again", answers, 90.0)


def _last_turn_s(daemon: DaemonProcess) -> float:
    status, body = daemon.get("/livez")
    assert status == 200, body
    found = re.search(r"intake_loop.*?last turn ([0-9.]+) s ago", body, re.DOTALL)
    assert found is not None, body
    return float(found[1])


def test_the_loop_turns_while_a_broker_is_silent_and_goes_on_when_it_speaks(
    each_stage: Stage, silence: KafkaServer
) -> None:
    stage = each_stage
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    turns_s = [0.0]
    silence.freeze()
    end_s = time.monotonic() + SILENT_S

    def over() -> bool:
        turns_s.append(_last_turn_s(daemon))
        return time.monotonic() > end_s

    wait_until("it was silent long enough", over, SILENT_S + 30)
    silence.thaw()

    # Seen twice in a row: a process that the machine let stand still as a whole answers the first
    # question before its loop has turned again.
    assert max(map(min, pairwise(turns_s))) <= TURN_S_MAX
    stage.produce(add("vip", "u2"), partition=1)
    stage.wait_members(vip={"u1", "u2"}, timeout_s=120.0)  # It was fenced by then.
    assert daemon.terminate() == 0


def test_a_stop_is_obeyed_in_time_while_a_broker_is_silent(
    each_stage: Stage, silence: KafkaServer
) -> None:
    stage = each_stage
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    silence.freeze()

    began_s = time.monotonic()
    assert daemon.terminate() == 0

    assert time.monotonic() - began_s < 10.0 + 2.0  # shutdown.grace, and the end of a process.


def test_a_stop_is_obeyed_while_partitions_wait_for_an_answer(
    each_stage: Stage, silence: KafkaServer
) -> None:
    """It was assigned, and nobody tells where to begin."""
    stage = each_stage
    first = stage.start()
    first.wait_until_assigned(4)
    second = stage.start()
    second.wait_for("it has joined", lambda status: status["partitions"])
    silence.freeze()

    began_s = time.monotonic()
    assert second.terminate() == 0

    assert time.monotonic() - began_s < 10.0 + 2.0
