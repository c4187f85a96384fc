"""What more replicas cost: one log drained by 1, 2 and 4 processes of one group.

They stand ready, with their partitions, before the log is there: it is written in one transaction
and seen by all of them at once when that is committed. So neither starts nor rebalances are
measured. On a machine with fewer cores than processes the wall time says little: what can be read
is what the same work costs more in CPU and in requests when it is shared out.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import asdict, dataclass, replace

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from tests.bench.daemon_run import DRAIN_S_MAX, Braze, Daemon, Setup
from tests.bench.logs import Log, committed, fill, new_topic, producer
from tests.bench.table import save, show
from tests.bench.workloads import WORKLOADS
from tests.support.processes import wait_until
from tests.support.topics import unique

PARTITIONS = 12
REPLICAS = (1, 2, 4)

HEAD = (
    "replicas",
    "CPU-s in all",
    "x one",
    "wall s",
    "RSS MB in all",
    "requests",
    "x min",
    "exact",
)


@dataclass(frozen=True, slots=True)
class Shared:
    """How a group drained a log, from the commit of its transaction on."""

    replicas: int
    cpu_s: float
    wall_s: float
    rss_mb: float
    requests: int
    requests_min: int
    exact: bool
    why: str = ""


def run(setup: Setup, events: int | None, rounds: int, seed: int) -> int:
    """Print what each number of replicas cost; 1 when a final state was not exact."""
    found: list[Shared] = []
    for _ in range(rounds):
        for replicas in REPLICAS:
            found.append(_drain(setup, replicas, events or WORKLOADS["flat"].events, seed))
            print(found[-1], flush=True)
    rows = _rows(found)
    print("\n" + show(HEAD, rows))
    print(f"saved: {save('scaling', {'rounds': [asdict(each) for each in found]})}")
    return int(not all(each.exact for each in found))


def _rows(found: list[Shared]) -> list[tuple[str, ...]]:
    ones = [each.cpu_s for each in found if each.replicas == 1]
    rows: list[tuple[str, ...]] = []
    for replicas in REPLICAS:
        mine = [each for each in found if each.replicas == replicas]
        requests = statistics.median(each.requests for each in mine)
        ratio = statistics.median(m.cpu_s / one for m, one in zip(mine, ones, strict=True))
        rows.append(
            (
                str(replicas),
                f"{statistics.median(each.cpu_s for each in mine):.2f}",
                f"{ratio:.2f}",
                f"{statistics.median(each.wall_s for each in mine):.1f}",
                f"{statistics.median(each.rss_mb for each in mine):.0f}",
                f"{requests:.0f} ({mine[0].requests_min})",
                f"{requests / mine[0].requests_min:.2f}",
                "yes" if all(each.exact for each in mine) else "NO",
            )
        )
    return rows


def _drain(setup: Setup, replicas: int, events: int, seed: int) -> Shared:
    workload = WORKLOADS["flat"]
    topic = new_topic(setup.bootstrap, PARTITIONS)
    with Braze(setup.folder) as braze, contextlib.ExitStack() as running:
        setup = replace(setup, braze_url=braze.url, input=workload.input(topic))
        daemons = [running.enter_context(Daemon(setup))]
        for _ in range(replicas - 1):
            daemons.append(running.enter_context(Daemon(setup, beside=daemons[0])))
        for daemon in daemons:
            daemon.wait_until_ready()
        wait_until("a balanced group", lambda: _balanced(setup, daemons), 60.0)
        to = producer(setup.bootstrap, transactional_id=unique("bench"))
        to.init_transactions(30.0)
        to.begin_transaction()
        log = fill(to, topic, workload, events, seed)
        before_s = [daemon.child.cpu_s() for daemon in daemons]
        to.commit_transaction(60.0)
        begun_s = time.perf_counter()
        try:
            daemons[0].child.wait_for("drain", lambda: braze.holds(log.members), DRAIN_S_MAX)
        except AssertionError as failed:
            return Shared(replicas, 0, 0, 0, 0, log.requests_min, exact=False, why=str(failed))
        wall_s = time.perf_counter() - begun_s
        used = [daemon.child.stop() for daemon in daemons]
        requests = sum(braze.get("stats")["requests"]["users"].values())
        why = _wrong(setup, daemons[0].group, log, braze)
    cpu_s = sum(usage.cpu_s for usage in used) - sum(before_s)
    rss_mb = sum(usage.peak_mb for usage in used)
    return Shared(replicas, cpu_s, wall_s, rss_mb, requests, log.requests_min, not why, why)


def _wrong(setup: Setup, group: str, log: Log, braze: Braze) -> str:
    """Say what is not as it must be in the end, or nothing."""
    done = committed(setup.bootstrap, group, log.topic, PARTITIONS)
    violations = {name: n for name, n in braze.get("stats")["violations"].items() if n}
    if braze.members() != log.members:
        return "the memberships at the end are not the fold of the log"
    if done != log.records + PARTITIONS:  # The commit of the transaction is a record of each.
        return f"committed {done} of {log.records} records"
    return f"broke Braze's contract: {violations}" if violations else ""


def _balanced(setup: Setup, daemons: list[Daemon]) -> bool:
    admin = AdminClient({"bootstrap.servers": setup.bootstrap, "log_level": 3})
    group = daemons[0].group
    told = admin.describe_consumer_groups([group])[group].result(15.0)
    counts = [len(member.assignment.topic_partitions) for member in told.members]
    equal = [PARTITIONS // len(daemons)] * len(daemons)
    return told.state == ConsumerGroupState.STABLE and counts == equal
