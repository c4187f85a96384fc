"""Row 75: the wall clock jumps, and nothing that waits or expires notices."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stage import Stage

HOUR_S = 3_600.0
JUMPS_S = [sign * hours * HOUR_S for hours in (1, 2, 3, 24) for sign in (1, -1)]

# Python imports this before anything of the daemon, which reads the wall clock by `time.time`
# alone; librdkafka measures by a monotonic clock. A file says by how much it is wrong.
SHIFTED = """
import pathlib
import time

_real, _file = time.time, pathlib.Path({path!r})


def _shifted():
    return _real() + float(_file.read_text())


time.time = _shifted
"""


class WallClock:
    """The wall clock of the processes started with `environ`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "shift"
        self.set(0.0)
        modules = folder / "modules"
        modules.mkdir()
        (modules / "sitecustomize.py").write_text(SHIFTED.format(path=str(self._file)))
        self.environ = {"PYTHONPATH": str(modules)}

    def set(self, shift_s: float) -> None:
        """Jump; in one step, so that nobody reads half of it."""
        new = self._file.with_suffix(".new")
        new.write_text(str(shift_s))
        new.replace(self._file)


def test_when_the_wall_clock_jumps_windows_lease_and_backoff_do_not_notice(
    stage: Stage, tmp_path: Path
) -> None:
    clock = WallClock(tmp_path)
    stage.simulator.set_faults("status=503,cohort=ill,endpoint=users")
    changes = {
        "cohorts.overrides.held.max_age": "30m",
        "delivery.backoff.initial": "30s",
        "delivery.backoff.max": "30s",
    }
    daemon = stage.start(changes, environ=clock.environ)
    daemon.wait_until_assigned(1)
    stage.produce(add("held", "h"), add("ill", "i"), add("vip", "u0"))
    stage.wait_members(vip={"u0"})
    users = {"u0"}

    for number, shift_s in enumerate(JUMPS_S, 1):
        clock.set(shift_s)
        shown = datetime.fromisoformat(daemon.status()["now"]).timestamp()
        assert abs(shown - time.time() - shift_s) < 60.0  # So it really is wrong.
        users.add(f"u{number}")
        stage.produce(add("vip", f"u{number}"))
        stage.wait_members(vip=users, timeout_s=10.0)

    assert stage.simulator.members("held") == set()  # Its window is 30 minutes of real time.
    tried = [r for r in stage.simulator.seen() if r.cohort == "ill" and r.endpoint == "users"]
    assert len(tried) <= 4  # Up to 30 s of jitter each; each jump ahead would be one more.
    assert not daemon.log_lines("partitions_lost")
    assert not daemon.log_lines("frontier_stuck")
    assert daemon.get("/livez")[0] == 200
    stage.simulator.set_faults()
    assert daemon.terminate() == 0
    assert stage.simulator.members("held") == {"h"}
    stage.start()  # What was in backoff then is the next one's.
    stage.wait_members(ill={"i"})
    wait_until("all is committed", lambda: stage.committed_offset() == 3 + len(JUMPS_S))
