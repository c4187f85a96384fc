"""Several daemons in one group over one topic, under a load that never ends, and all that is seen.

Every process has a partner key of its own, so the endpoint's history tells who sent what.
"""

from __future__ import annotations

import contextlib
import gc
import math
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from confluent_kafka import KafkaException

from tests.fault.audit import Audit, Crash
from tests.fault.load import Load, LoadRules, Written
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage

# How often offsets and history are looked at while a run lasts.
_LOOK_EVERY_S = 1.0

# From the end of all faults until everything is delivered and committed. It is two minutes in the
# catalogue of faults; a busy machine with a few JVMs needs no more.
HEALED_WITHIN_S = 120.0

STARTED_WITHIN_S = 60.0


@dataclass(slots=True)
class Seat:
    """One process of the fleet. `caller` is the place of its key at the endpoint."""

    daemon: DaemonProcess
    caller: int


@dataclass(slots=True)
class Report:
    """What a run came to, for people; the test asserts on `problems`."""

    problems: list[str]
    counts: Mapping[str, int]
    numbers: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        counted = [f"{name} {count}" for name, count in sorted(self.counts.items())]
        measured = [f"{name} {number:.1f}" for name, number in self.numbers.items()]
        return ", ".join([*counted, *measured, f"problems {len(self.problems)}"])


class Fleet:
    """`with Fleet(...) as fleet` starts the load and the processes; `finish` judges."""

    def __init__(self, stage: Stage, rules: LoadRules, *, replicas: int = 3) -> None:
        self.stage = stage
        self.seats: list[Seat] = []
        self.load = Load(stage.bootstrap, stage.topic, rules)
        self.audit = Audit(self.load.written)
        self.chance = random.Random(rules.seed)
        self.partitions = rules.partitions
        self._replicas = replicas
        self._keys: list[str] = []
        self._read = 0
        self._looking = threading.Lock()  # The watcher and the test both look.
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._watcher = threading.Thread(target=self._watch, name="fleet-watch", daemon=True)

    def __enter__(self) -> Self:
        for _ in range(self._replicas):
            self.start()
        self.wait_until_shared_out()
        # The endpoint lives in this process, beside millions of objects that the audit keeps: a
        # collection of them stops it for longer than a request may take.
        gc.disable()
        self.load.start()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        gc.enable()
        self._done.set()
        self.load.__exit__()
        if self._watcher.is_alive():
            self._watcher.join()

    # The processes.

    def start(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        module: str = "daemon",
    ) -> Seat:
        """Start one more, with a key of its own."""
        number = len(self._keys)
        key = self.stage.folder / f"partner-{number}.key"
        key.write_text(f"canary-partner-key-{number}")
        self._keys.append(key.read_text())
        self.stage.simulator.set_keys(partner_api_keys=self._keys)
        own = {"braze.partner_api_key_file": str(key), **(changes or {})}
        daemon = self.stage.start(own, environ=environ, module=module)
        seat = Seat(daemon, number)
        self.seats.append(seat)
        return seat

    def kill(self, seat: Seat) -> Crash:
        """End one as a crash would, and note what the group had committed then."""
        seat.daemon.kill()
        return self.fell(seat)

    def fell(self, seat: Seat) -> Crash:
        """Note that one has died, or is as good as dead, by now."""
        if seat in self.seats and seat.daemon.returncode is not None:
            self.seats.remove(seat)
        at_s = time.time()
        ranges = {
            partition: (offset, math.inf if mark.sent_to < 0 else mark.sent_to)
            for partition, (offset, mark) in self.stage.committed(self.partitions).items()
        }
        crash = Crash(at_s, ranges)
        self.audit.crashes.append(crash)
        return crash

    def excuse_refused_hand_overs(self) -> None:
        """Take hand-overs whose last commit the broker refused for what they are: unclean (G5).

        Who comes next says so: it waits, and gathers again what may have been sent.
        """
        for daemon in self.stage.daemons:
            for line in daemon.log_lines("partition_started"):
                if line["waits_s"] > 0:
                    at_s = datetime.fromisoformat(line["timestamp"]).timestamp()
                    partition = int(line["partition"].rpartition(":")[2])
                    ends = (
                        line["offset"],
                        math.inf if line["sent_to"] is None else line["sent_to"],
                    )
                    self.audit.crashes.append(Crash(at_s, {partition: ends}))

    def stop(self, seat: Seat) -> float:
        """Send SIGTERM and return how long it took to end, in seconds; it must end well."""
        begun_s = time.monotonic()
        assert seat.daemon.terminate() == 0
        self.seats.remove(seat)
        return time.monotonic() - begun_s

    def any(self) -> Seat:
        return self.chance.choice(self.seats)

    def wait_until_shared_out(self, timeout_s: float = STARTED_WITHIN_S) -> None:
        """Return when every partition is read by one of them, and nothing waits."""

        def shared_out() -> bool:
            found = states(self.seats)
            return len(found) == self.partitions and set(found) <= {"assigned"}

        self._wait("every partition is read", shared_out, timeout_s)

    def wait_until_delivered(self, timeout_s: float = HEALED_WITHIN_S) -> float:
        """Return when something new of every partition has been applied: how long that took."""
        begun_s, wall_s = time.monotonic(), time.time()

        def delivered() -> bool:
            with contextlib.suppress(KafkaException, TimeoutError):  # While a coordinator moves.
                self.look()
            return not self._silent_since(wall_s)

        self._wait("every partition delivers", delivered, timeout_s)
        return time.monotonic() - begun_s

    def _silent_since(self, wall_s: float) -> set[int]:
        return {p for p in range(self.partitions) if self.audit.last_s.get(p, 0.0) <= wall_s}

    # What is seen.

    def look(self) -> None:
        """Read offsets, then the history, so that what is committed must have been applied."""
        with self._looking:
            committed = self.stage.committed(self.partitions)
            history = self.stage.simulator.history(self._read)
            self._read += len(history)
            self.audit.take(history)
            self.audit.took_offsets(committed)

    def _watch(self) -> None:
        try:
            while not self._done.wait(_LOOK_EVERY_S):
                with contextlib.suppress(Exception):  # A broker that is down answers nobody.
                    self.look()
        except BaseException as failure:  # noqa: BLE001 - Told by `finish`.
            self._failure = failure

    def finish(self) -> Report:
        """Stop the load, wait until all is delivered and committed, and judge."""
        written = self.load.stop()
        begun_s = time.monotonic()
        self._wait("all is delivered and committed", self._is_done(written), HEALED_WITHIN_S)
        healed_s = time.monotonic() - begun_s
        self._done.set()
        self._watcher.join()
        assert self._failure is None, self._failure
        self.look()
        self.audit.judge()
        assert self.audit.counts["changes"] > 0, "nothing was applied, so nothing was tested"
        self.audit.counts["records"] = written.count
        self.audit.counts["crashes"] = len(self.audit.crashes)
        report = Report(self.audit.problems, self.audit.counts, {"healed in s": healed_s})
        violations = self.stage.violations()
        if violations:
            report.problems.append(f"G3: {violations} requests against Braze's contract")
        return report

    def _is_done(self, written: Written) -> Callable[[], bool]:
        ends = written.ends()
        wanted = {cohort: frozenset[object](found) for cohort, found in written.fold().items()}

        def done() -> bool:
            committed = {p: at for p, (at, _) in self.stage.committed(self.partitions).items()}
            if any(committed.get(partition) != end for partition, end in ends.items()):
                return False
            found = self.stage.simulator.cohorts()
            return all(found.get(cohort) == members for cohort, members in wanted.items())

        return done

    def _wait(self, what: str, check: Callable[[], bool], timeout_s: float) -> None:
        try:
            wait_until(what, check, timeout_s)
        except AssertionError as late:
            logs = [seat.daemon.output()[-3000:] for seat in self.seats]
            raise AssertionError("\n".join([str(late), *logs])) from None


def freeze(seat: Seat) -> None:
    seat.daemon.signal(signal.SIGSTOP)


def thaw(seat: Seat) -> None:
    seat.daemon.signal(signal.SIGCONT)


def states(seats: Iterable[Seat]) -> list[str]:
    """Return how each partition stands that one of these has."""
    return [row["state"] for seat in seats for row in seat.daemon.status()["partitions"]]
