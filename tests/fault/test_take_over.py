"""What a stop gives back: how soon another replica delivers it, and that nothing is repeated.

On real brokers: the coordinator of the mock cluster refuses commits for as long as it gathers a
group, where Kafka's takes them.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage


def test_after_sigterm_its_partitions_are_delivered_by_another_within_seconds(
    each_stage: Stage,
) -> None:
    stage = each_stage
    first, second = stage.start(), stage.start()
    for daemon in (first, second):
        daemon.wait_until_assigned(2)
    leaving = [row["partition"] for row in first.status()["partitions"]]
    for number in leaving:
        stage.produce(add("before", f"u{number}"), partition=number)
    stage.wait_members(before={f"u{number}" for number in leaving})

    begun_s = time.monotonic()
    first.signal(signal.SIGTERM)
    first.wait_for_line("drain_finished")  # From here on it reads nothing more.
    for number in leaving:
        stage.produce(add("after", f"u{number}"), partition=number)
    stage.wait_members(after={f"u{number}" for number in leaving})
    took_s = time.monotonic() - begun_s

    print(f"delivered by another {took_s:.1f} s after SIGTERM")
    assert took_s < 10.0
    assert first.wait() == 0
    second.wait_until_assigned(4)
    assert len(stage.deliveries()) == 4


def test_a_stop_during_a_rebalance_is_one_drain_and_repeats_nothing(each_stage: Stage) -> None:
    stage = each_stage
    stage.simulator.set_faults("delay=500ms,endpoint=users")
    first = stage.start({"shutdown.grace": "30s"})
    first.wait_until_assigned(4)
    second = stage.start()
    produced = 0
    while not first.log_lines("partitions_revoked"):  # So the rebalance finds work under way.
        _produce(stage, produced, produced + 4)
        produced += 4

    first.signal(signal.SIGTERM)
    _produce(stage, produced, produced + 40)
    produced += 40

    assert first.wait() == 0
    assert len(first.log_lines("drain_started")) == 1
    assert first.log_lines()[-1]["event"] == "daemon_stopped"
    _wait_for_all(stage, produced)
    second.wait_until_assigned(4)
    assert len(stage.deliveries()) == produced


def _produce(stage: Stage, start: int, end: int) -> None:
    for number in range(start, end):
        stage.produce(add(f"c{number % 20}", f"u{number}"), partition=number % 4)


def _wait_for_all(stage: Stage, count: int) -> None:
    members = {
        f"c{cohort}": {f"u{number}" for number in range(cohort, count, 20)} for cohort in range(20)
    }
    stage.wait_members(members, timeout_s=60.0)
