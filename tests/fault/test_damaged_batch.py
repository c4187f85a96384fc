"""Row 41: bytes of the log are damaged on the broker's disk."""

from __future__ import annotations

import os
import signal
import struct
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.offsets_command import offsets
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.brokers import KafkaServer
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

_BATCH = struct.Struct(">qi")  # A batch begins with its first offset and its length.
LOOKED_AT_S = 3.0
# A session that outlives a restart of the broker. The fetch that is under way when the daemon is
# stopped is answered with the first record: waiting for more it may bring the damaged one, whole.
_PATIENT = {
    "kafka.properties.fetch:min:bytes": 1,
    "kafka.properties.session:timeout:ms": 120_000,
    "kafka.properties.heartbeat:interval:ms": 1_000,
}


def _damage(segment: Path, offset: int) -> None:
    """Change one byte of the batch that begins at this offset."""
    content = bytearray(segment.read_bytes())
    at = 0
    while True:
        first, length = _BATCH.unpack_from(content, at)
        end = at + _BATCH.size + length
        if first == offset:
            content[end - 4] ^= 0xFF  # Inside the last record's value.
            segment.write_bytes(content)
            return
        at = end


def _cpu_s(daemon: DaemonProcess) -> float:
    with open(f"/proc/{daemon.pid}/stat", encoding="ascii") as line:  # noqa: PTH123
        fields = line.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _share_of_a_core(daemon: DaemonProcess) -> float:
    began_s, cpu_s = time.monotonic(), _cpu_s(daemon)
    wait_until("it was looked at", lambda: time.monotonic() - began_s > LOOKED_AT_S)
    return (_cpu_s(daemon) - cpu_s) / (time.monotonic() - began_s)


def _produce(stage: Stage, first: int, last: int) -> None:
    """Append records, each a batch of its own."""
    for number in range(first, last):
        stage.produce(add("vip", f"u{number}"))


def _users(first: int, last: int) -> set[str]:
    return {f"u{number}" for number in range(first, last)}


def _damage_log(server: KafkaServer, stage: Stage, offset: int) -> None:
    server.stop()
    _damage(server.data / f"{stage.topic}-0" / f"{0:020}.log", offset)
    server.start()


def test_row_41_a_damaged_batch_parks_its_partition_and_nothing_behind_it_is_taken(
    kafka_server: KafkaServer, one_stage: Stage
) -> None:
    stage = one_stage
    daemon = stage.start(_PATIENT)
    _produce(stage, 0, 5)
    stage.wait_members(vip=_users(0, 5))
    daemon.signal(signal.SIGSTOP)
    _produce(stage, 5, 20)
    _damage_log(kafka_server, stage, 15)
    daemon.signal(signal.SIGCONT)

    def delivered() -> bool:
        found = stage.simulator.cohorts()
        return found == {"vip": _users(0, 15), "flows": {"u1"}}

    if _lives_to_see(stage, daemon, lambda: "partition_parked" in daemon.output()):
        stage.produce(add("flows", "u1"), partition=1)
        if _lives_to_see(stage, daemon, delivered):
            [line] = daemon.log_lines("partition_parked")
            assert line["why"].startswith("_BAD_MSG")
            daemon.wait_for_reason("parked")
            assert _share_of_a_core(daemon) < 0.5
            assert len(daemon.log_lines("partition_parked")) == 1
            assert daemon.terminate() == 0
            assert stage.committed_offset() == 15
            return
    assert (stage.committed_offset() or 0) <= 15
    assert stage.simulator.members("vip") <= _users(0, 15)


@pytest.mark.parametrize("size", [1, 5_000])
def test_row_41_a_damaged_batch_met_first_may_end_the_process_and_is_never_passed(
    kafka_server: KafkaServer, one_stage: Stage, size: int
) -> None:
    """librdkafka 2.16 loses its place behind such a batch, and may abort on what it reads there.

    A person sees a process that is restarted again and again, or a parked partition; a reset
    continues either.
    """
    stage = one_stage
    first = stage.start()
    _produce(stage, 0, 5)
    stage.wait_members(vip=_users(0, 5))
    assert first.terminate() == 0
    stage.produce(add("vip", "u5", padding="x" * size))
    _produce(stage, 6, 20)
    _damage_log(kafka_server, stage, 5)

    second = stage.start()

    if _lives_to_see(stage, second, lambda: "partition_parked" in second.output()):
        second.kill()
        stage.daemons.remove(second)  # It may have aborted since.
    assert stage.committed_offset() == 5
    assert stage.simulator.cohorts() == {"vip": _users(0, 5)}
    wait_until("the group is empty", lambda: _reset(stage, to=6))
    third = stage.start()
    stage.wait_members(vip=_users(0, 20) - {"u5"})
    assert third.terminate() == 0
    assert stage.committed_offset() == 20


def _lives_to_see(stage: Stage, daemon: DaemonProcess, check: Callable[[], bool]) -> bool:
    """Wait for this; False where librdkafka aborted before, on what it reads behind the damage.

    It may do so at any time until what it had fetched is used up, parked or not.
    """
    wait_until("it is so, or the process ended", lambda: daemon.returncode is not None or check())
    if daemon.returncode is None:
        return True
    print(f"the process ended with {daemon.returncode}: {daemon.output().splitlines()[-1]}")
    assert daemon.returncode == -signal.SIGABRT
    stage.daemons.remove(daemon)  # An assertion of C is no log line.
    return False


def _reset(stage: Stage, to: int) -> bool:
    return offsets(stage, "reset", f"{stage.topic}:0", "--to", str(to), "--yes").code == 0


def test_row_41_behind_a_barrier_damage_keeps_back_what_is_before_it_and_loses_nothing(
    kafka_server: KafkaServer, one_stage: Stage
) -> None:
    """Whoever was here before may have sent what is behind the damage, before it was damaged."""
    stage = one_stage
    _produce(stage, 0, 20)
    _damage_log(kafka_server, stage, 10)

    daemon = stage.start()

    if _lives_to_see(stage, daemon, lambda: "partition_parked" in daemon.output()):
        stage.produce(add("flows", "u1"), partition=1)
        flows = {"flows": {"u1"}}
        if _lives_to_see(stage, daemon, lambda: stage.simulator.cohorts() == flows):
            assert daemon.terminate() == 0
    assert stage.committed_offset() in (None, 0)
    assert not [change for change in stage.deliveries() if change[0] == "vip"]
