"""Several processes of one group while brokers are killed, and while the group's protocol changes.

`BROKER_KILLS` makes the runs longer.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.fault.fleet import Fleet
from tests.fault.load import LoadRules
from tests.support.stage import CONSUMER_PROTOCOL, SHORT

if TYPE_CHECKING:
    from tests.support.kafka_cluster import KafkaCluster
    from tests.support.stage import Stage

SEED = int(os.environ.get("FAULT_SEED", "1"))
KILLS = int(os.environ.get("BROKER_KILLS", "3"))

pytestmark = pytest.mark.timeout(300 + 60 * KILLS)


def test_rows_27_and_28_brokers_and_coordinators_are_killed_under_a_fleet(
    kafka_three: KafkaCluster, each_wide_three_stage: Stage
) -> None:
    stage = each_wide_three_stage
    took_s = []
    with Fleet(stage, LoadRules(SEED)) as fleet:
        for kill in range(KILLS):
            fleet.fell(fleet.any())  # Its group may be gone for longer than a session.
            if kill % 2:
                victim = kafka_three.leader(stage.topic, fleet.chance.randrange(12))
            else:
                victim = kafka_three.coordinator()
            kafka_three.servers[victim].kill()
            took_s.append(fleet.wait_until_delivered())
            kafka_three.heal()
        fleet.wait_until_shared_out()

        report = fleet.finish()

    idle_s = max(fleet.audit.idle_s().values())
    print(f"\n{KILLS} brokers killed: {report}; idle at most {idle_s:.1f} s")
    print("every partition again after", ", ".join(f"{again_s:.1f} s" for again_s in took_s))
    assert report.problems == []


def test_row_26_a_group_moves_to_the_newer_protocol_and_back_without_two_owners(
    wide_stage_of_12: Stage,
) -> None:
    """The broker lets nobody in beside members of the classic protocol, so the new ones wait.

    Back it lets them in, and changes the group when the last of the newer protocol has left: then
    all others lose what they have, as if a process had died.
    """
    stage = wide_stage_of_12
    moved_s = []
    with Fleet(stage, LoadRules(SEED, members=0)) as fleet:
        for timing in (CONSUMER_PROTOCOL, SHORT):
            old = list(fleet.seats)
            stage.timing = timing
            for _ in old:
                fleet.start().daemon.wait_for("it was let in, or refused", _is_answered)
            began_s = time.monotonic()
            for seat in old:
                fleet.fell(seat)
                fleet.stop(seat)
            fleet.wait_until_delivered()
            fleet.wait_until_shared_out()
            moved_s.append(time.monotonic() - began_s)

        report = fleet.finish()

    there_s, back_s = moved_s
    idle_s = max(fleet.audit.idle_s().values())
    print(f"\nthere in {there_s:.1f} s, back in {back_s:.1f} s, idle at most {idle_s:.1f} s")
    print(report)
    assert report.problems == []
    assert _owned_by_two(stage) == []


def _is_answered(status: dict[str, Any]) -> bool:
    refused = any("classic protocol" in wait["detail"] for wait in status["waits"])
    return refused or bool(status["partitions"])


def _owned_by_two(stage: Stage) -> list[str]:
    """Return where a partition was assigned to one before another was told to give it up."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for daemon in stage.daemons:
        since: dict[str, float] = {}
        for line in daemon.log_lines():
            at_s = datetime.fromisoformat(line["timestamp"]).timestamp()
            for partition in line.get("partitions", ()) if _is_ownership(line["event"]) else ():
                if line["event"] == "partitions_assigned":
                    since[partition] = at_s
                else:
                    spans.setdefault(partition, []).append((since.pop(partition), at_s))
        for partition, at_s in since.items():
            spans.setdefault(partition, []).append((at_s, float("inf")))
    return [
        f"{partition}: {first} {second}"
        for partition, found in spans.items()
        for first, second in zip(sorted(found), sorted(found)[1:], strict=False)
        if second[0] < first[1]
    ]


def _is_ownership(event: str) -> bool:
    return event in {"partitions_assigned", "partitions_revoked", "partitions_lost"}
