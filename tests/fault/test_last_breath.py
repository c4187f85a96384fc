"""Row 40, its end: what the interpreter would take down last keeps nobody waiting."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.stage import add

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stage import Stage

GRACE_S = 45.0

# Python imports this first. A Kafka client that is asking for a token waits just so, when the
# interpreter is taken down and no watchdog lives any more.
WAITS_AT_THE_END = "import atexit, time\natexit.register(time.sleep, 3600)\n"


def test_when_all_is_committed_and_said_the_process_ends_at_once(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WAITS_AT_THE_END)
    daemon = stage.start({"shutdown.grace": f"{GRACE_S:g}s"}, environ={"PYTHONPATH": str(tmp_path)})
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    begun_s = time.monotonic()
    assert daemon.terminate() == 0

    assert time.monotonic() - begun_s < GRACE_S / 2
    assert daemon.log_lines()[-1]["event"] == "daemon_stopped"
    assert stage.committed()[0][1].clean


# A call that keeps the interpreter's lock for good, as librdkafka's may (`KafkaConsumer.close`),
# in the moment in which the daemon gives up its partitions.
HOLDS_THE_LOCK = """
import ctypes
from daemon.kafka.consumer import KafkaConsumer
KafkaConsumer.close = lambda consumer: ctypes.PyDLL(None).sleep(3600)
"""


def test_a_call_that_never_gives_the_interpreter_back_does_not_outlast_the_grace(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(HOLDS_THE_LOCK)
    daemon = stage.start({"shutdown.grace": "7s"}, environ={"PYTHONPATH": str(tmp_path)})
    stage.produce(add("vip", "u1"))
    stage.wait_members(vip={"u1"})

    begun_s = time.monotonic()
    assert daemon.terminate() == 1

    assert 7.0 - 0.5 < time.monotonic() - begun_s < 7.0 + 10.0
    assert daemon.log_lines("shutdown_started")
    assert not daemon.log_lines("daemon_stopped")
