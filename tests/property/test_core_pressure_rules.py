"""However memory was filled, a flight that does not end stops its own cohort alone (G12)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.tenure import Start
from tests.support.builders import P0, P1, P2, accepted, acknowledge, members, relay_of, run_of

PARTITIONS = (P0, P1, P2)
PENDING_MAX = 60

_parts = st.tuples(
    st.sampled_from(PARTITIONS), st.sampled_from(["gold", "iron", "tin"]), st.integers(1, 20)
)


def _read(relay: Relay, partition: Partition, cohort: str, count: int) -> None:
    """Read more of a partition, where memory lets it be read."""
    if partition not in relay.to_pause():
        at = relay.tenures[partition].position
        changes = {cohort: members(count, prefix=f"{partition.number} {at}")}
        relay.absorb(run_of(changes, at, partition=partition), 0.0)


@settings(max_examples=300, deadline=None)
@given(
    barred=st.sets(st.sampled_from(PARTITIONS), min_size=1, max_size=2),
    first=st.lists(_parts, min_size=1, max_size=3),
    rest=st.lists(_parts, min_size=3, max_size=15),
)
def test_a_flight_that_does_not_end_stops_its_own_cohort_alone(
    barred: set[Partition],
    first: list[tuple[Partition, str, int]],
    rest: list[tuple[Partition, str, int]],
) -> None:
    relay = relay_of(sorted(set(PARTITIONS) - barred), pending_max=PENDING_MAX)
    relay.assign({partition: Start(0, sent_to=1_000) for partition in sorted(barred)})
    acknowledge(relay, 0.0)
    for part in first:
        _read(relay, *part)
    flushes = relay.seal(0.0, capacity=1, drain=True)
    for part in rest:
        _read(relay, *part)

    for _ in rest:  # Nothing is read meanwhile: what keeps memory full must leave by itself.
        relay.relieve(held=True)
        sent = relay.seal(0.0, capacity=9, drain=True)
        for flush in sent:
            relay.complete(accepted(flush), 0.0)

    waiting = {window.cohort for window in relay.waiting()}
    assert relay.pending < PENDING_MAX or waiting <= {flush.cohort for flush in flushes}
