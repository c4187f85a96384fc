"""The whole daemon: what is missing, out of reach or not ours at Kafka, said in one line."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.support.mock_cluster import Api
from tests.support.processes import free_port, wait_until
from tests.support.stage import CONSUMER_PROTOCOL, add
from tests.support.topics import unique

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.mock_cluster import MockCluster
    from tests.support.stage import Stage

UNKNOWN_TOPIC = 3
FENCED_INSTANCE_ID = 82

# How long a broker is away: long enough for every wait between two tries to reach its longest.
AWAY_S = float(os.environ.get("OUTAGE_S", "20"))


def test_a_missing_topic_is_one_line_and_flows_once_it_is_there(
    stage: Stage, mock: MockCluster
) -> None:
    stage.topic = unique("missing")
    mock.fail_topic(stage.topic, UNKNOWN_TOPIC)
    daemon = stage.start()

    line = daemon.wait_for_line("topic_missing")
    assert stage.topic in str(line)
    assert "inputs" in line["remedy"]
    waiting = daemon.wait_for_reason("kafka")
    assert stage.topic in waiting["waits"][0]["detail"]
    assert waiting["ready"] is False
    assert waiting["live"] is True

    mock.fail_topic(stage.topic, 0)
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    daemon.wait_until_ready()
    daemon.wait_for_line("kafka_recovered")
    assert len(daemon.log_lines("topic_missing")) <= 2  # Folded: at the first, then at powers of 2.
    assert daemon.terminate() == 0


def test_a_topic_missing_beside_one_that_flows_stays_said(stage: Stage, mock: MockCluster) -> None:
    missing = unique("missing")
    mock.fail_topic(missing, UNKNOWN_TOPIC)
    daemon = stage.start({"inputs": [{"topic": stage.topic}, {"topic": missing}]})
    daemon.wait_for_line("topic_missing")

    for number in range(5):
        stage.produce(add("vip", f"u{number}"))
        stage.wait_members(vip={f"u{n}" for n in range(number + 1)})

    assert not daemon.log_lines("kafka_recovered")
    daemon.wait_for(
        "it says which", lambda status: any(missing in wait["detail"] for wait in status["waits"])
    )


def test_an_unreachable_broker_is_one_line_and_no_end(stage: Stage, mock: MockCluster) -> None:
    mock.set_down()
    daemon = stage.start()

    line = daemon.wait_for_line("kafka_error")
    assert "kafka.bootstrap_servers" in line["remedy"]
    assert daemon.get("/readyz")[0] == 503
    assert daemon.get("/livez")[0] == 200
    daemon.wait_for_reason("kafka")

    mock.set_up()
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"}, timeout_s=45.0)
    daemon.wait_for_line("kafka_recovered")
    mock.set_down()
    daemon.wait_for_reason("kafka")
    assert daemon.terminate() == 0
    said = [(line["code"], line.get("count", 1)) for line in daemon.log_lines("kafka_error")]
    # Folded, though librdkafka repeats them every second: 1, 2, 4, … each time it was down.
    assert all(count & (count - 1) == 0 for _, count in said), said
    assert max(Counter(said).values()) <= 2, said


def test_a_broker_that_was_never_there_does_not_keep_it_from_stopping(stage: Stage) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    daemon = stage.start({"kafka.bootstrap_servers": nowhere})
    line = daemon.wait_for_line("kafka_error")
    assert nowhere in line["detail"]

    assert daemon.terminate() == 0

    assert daemon.log_lines()[-1]["event"] == "daemon_stopped"


def test_a_group_of_another_workspace_is_left_alone(stage: Stage) -> None:
    stage.produce(add("vip", "u1"))
    first = stage.start({"braze.workspace": "first"})
    stage.wait_members(vip={"u1"})
    assert first.terminate() == 0
    before = stage.committed()
    stage.produce(add("vip", "u2"))

    second = stage.start({"braze.workspace": "second"})

    refused = second.wait_for_reason("foreign_group")
    assert refused["ready"] is False
    assert second.terminate() == 0
    assert len(second.log_lines("foreign_group")) == 1  # All is written by its end.
    assert stage.simulator.members("vip") == {"u1"}
    assert stage.committed() == before


def test_a_port_that_is_taken_is_one_line(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]

        daemon = stage.start({"admin.port": port})

        assert daemon.wait() == 1
    stage.daemons.remove(daemon)  # Its one line is for a person.
    [line] = daemon.output().splitlines()
    assert line.startswith("cohortd: admin.port: ")
    assert str(port) in line


def test_a_topic_that_comes_later_is_begun_at_its_first_record(
    stage: Stage, mock: MockCluster
) -> None:
    prefix = unique("many")
    stage.topic = mock.create_topic(f"{prefix}-1")
    stage.produce(add("vip", "before"))
    daemon = stage.start({"inputs": [{"pattern": f"^{prefix}-.*"}], "start": "latest"})
    daemon.wait_until_assigned(1)

    stage.topic = mock.create_topic(f"{prefix}-2")
    stage.produce(add("vip", "u1"))

    stage.wait_members(vip={"u1"})
    daemon.wait_until_assigned(2)


def test_a_broker_that_goes_and_comes_back_loses_nothing(stage: Stage, mock: MockCluster) -> None:
    daemon = stage.start()
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    mock.set_down()
    daemon.wait_for_reason("lease")
    mock.set_up()

    stage.produce(add("vip", "u2"))

    stage.wait_members(vip={"u1", "u2"}, timeout_s=45.0)
    wait_until("the offset follows", lambda: stage.committed_offset() == 2)


def test_a_broker_that_does_not_tell_the_session_is_a_hold_that_names_the_setting(
    stage: Stage,
) -> None:
    """The mock cluster knows the newer protocol, and not how to describe a group."""
    newer = {"kafka.properties": {"group.protocol": "consumer"}}
    stage.timing = {**CONSUMER_PROTOCOL, "kafka": {}}
    stage.produce(add("vip", "u1"))
    daemon = stage.start(newer)
    daemon.wait_for_line("group_session_unknown")

    status = daemon.wait_for_reason("lease")

    [detail] = [wait["detail"] for wait in status["waits"] if wait["reason"] == "lease"]
    assert "set kafka.session_timeout" in detail
    assert daemon.terminate() == 0
    assert stage.simulator.cohorts() == {}
    stage.start({**newer, "kafka.session_timeout": "12s"})
    stage.wait_members(vip={"u1"})


def test_within_30_seconds_of_a_brokers_return_there_is_progress(
    stage: Stage, mock: MockCluster
) -> None:
    daemon = stage.start()
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})
    mock.set_down()
    gone_at_s = time.monotonic()
    wait_until("it is away for long", lambda: _alive_until(daemon, gone_at_s + AWAY_S), 600.0)
    mock.set_up()
    back_at_s = time.monotonic()

    stage.produce(add("vip", "u2"))
    stage.wait_members(vip={"u1", "u2"}, timeout_s=60.0)

    took_s = time.monotonic() - back_at_s
    print(f"progress {took_s:.1f} s after a broker that was away for {AWAY_S:.0f} s")
    assert took_s < 30.0
    wait_until("the offset follows", lambda: stage.committed_offset() == 2)


def _alive_until(daemon: DaemonProcess, until_s: float) -> bool:
    assert daemon.get("/livez")[0] == 200
    return time.monotonic() >= until_s


def test_a_fatal_error_of_the_client_ends_the_process_at_once(
    stage: Stage, mock: MockCluster
) -> None:
    daemon = stage.start()
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    mock.fail_next(Api.HEARTBEAT, [FENCED_INSTANCE_ID])
    begun_s = time.monotonic()

    assert daemon.wait() == 1
    assert time.monotonic() - begun_s < 10.0
    assert "gave up" in daemon.log_lines("daemon_crashed")[0]["error"]
    stage.produce(add("vip", "u2"))
    stage.start()
    stage.wait_members(vip={"u1", "u2"}, timeout_s=45.0)
