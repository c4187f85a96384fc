"""How long a change of a quiet topic takes to Braze: `python -m tests.integration.latency`.

Prints milliseconds from the broker's acknowledgement to the arrival at the simulator, beside the
window's age plus 500 ms, which is the promise. It asserts nothing: a busy machine is slower.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.mock_cluster import mock_cluster
from tests.support.stage import Stage, add, stage_at

PROMISE_MS = 500.0


def measure(stage: Stage, max_age: str, changes: int) -> list[float]:
    """Return the milliseconds of each change; the first one is that of a cold cohort."""
    daemon = stage.start({"window.max_age": max_age})
    daemon.wait_until_assigned(1)
    found = []
    for number in range(changes):
        user = f"u{number}"
        stage.produce(add("vip", user))
        acknowledged_s = time.time()
        stage.wait_members(vip={f"u{before}" for before in range(number + 1)})
        arrived = [h.arrived_at_s for h in stage.simulator.history() if user in h.adds]
        found.append((arrived[0] - acknowledged_s) * 1_000)
    assert daemon.terminate() == 0
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=20)
    options = parser.parse_args()
    for max_age, age_ms in (("200ms", 200.0), ("2s", 2_000.0)):
        with (
            mock_cluster() as mock,
            tempfile.TemporaryDirectory() as folder,
            stage_at(mock.bootstrap, Path(folder), mock.create_topic) as stage,
        ):
            first, *rest = measure(stage, max_age, options.changes)
        middle, slowest = statistics.median(rest), max(rest)
        sys.stdout.write(
            f"window.max_age {max_age:>5}: first {first:6.0f} ms, then median {middle:6.0f} ms,"
            f" slowest {slowest:6.0f} ms; promised {age_ms + PROMISE_MS:.0f} ms\n"
        )


if __name__ == "__main__":
    main()
