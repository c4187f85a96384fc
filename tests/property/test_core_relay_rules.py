"""Windows, ledgers and flights against an obvious model: the log itself, as a list of changes."""

from __future__ import annotations

import contextlib
import math
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from daemon.core import queue, tenure
from daemon.core.intent import TO_THE_END, Intent
from daemon.core.lease import Lease
from daemon.core.model import Changes, ChangeSet, Flush, Lane, Listed, Outcome, Partition
from daemon.core.queue import WindowRules
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.tenure import END_OF_LOG, Start
from daemon.core.window import LANE_COST
from tests.support.builders import P0, P1, P2
from tests.support.relay_model import Log, Owned, last_of

PARTITIONS = (P0, P1, P2)
PENDING_MAX = 90
POLL_MAX = 5
SETTLE_S = 5.0
LEASE_S = 60.0

_changes = st.dictionaries(
    st.sampled_from(["gold", "iron"]),
    st.dictionaries(st.sampled_from("abcdefgh"), st.booleans(), min_size=1, max_size=4),
    max_size=2,
)


class RelayRulesMachine(RuleBasedStateMachine):
    """Records are (offset, cohort, member, add) in a list a partition; all else follows."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = contextlib.ExitStack()  # Small, so that few steps meet both limits.
        self.patches.enter_context(mock.patch.object(queue, "MEMBERS_MAX", 6))
        self.patches.enter_context(mock.patch.object(tenure, "RESERVE", 20))
        self.now_s = 0.0
        windows = WindowRules(max_age_s=2.0, max_changes=4, max_age_overrides={"iron": 4.0})
        self.relay = Relay(RelayRules(windows, pending_max=PENDING_MAX), Lease(LEASE_S))
        self.logs: dict[Partition, Log] = {p: [] for p in PARTITIONS}
        self.ends = dict.fromkeys(PARTITIONS, 0)
        self.broker: dict[Partition, tuple[int, int]] = {}  # Committed offset and `sent_to`.
        self.owned: dict[Partition, Owned] = {}
        self.flights: dict[int, Flush] = {}
        self.listed: list[tuple[str, Listed]] = []
        self.newest_sent: dict[tuple[Partition, str, str], int] = {}
        self.regress_allowed: set[Partition] = set()
        self.lease_until_s = -math.inf
        self.commits: list[tuple[float, list[Intent]]] = []

    @initialize()
    def begin(self) -> None:
        """Own two partitions and be free to send, so that short runs get far."""
        for partition in (P0, P1):
            self.relay.assign({partition: Start(0)})
            self.owned[partition] = Owned(Start(0), 0, -1, 0)
        self.commit_well()

    # The log and who owns it.

    @precondition(lambda self: len(self.owned) < len(PARTITIONS))
    @rule(data=st.data(), waits=st.booleans())
    def assign(self, data: st.DataObject, waits: bool) -> None:
        partition = data.draw(st.sampled_from(sorted(set(PARTITIONS) - self.owned.keys())))
        offset, sent_to = self.broker.get(partition, (0, TO_THE_END))
        barrier: float = END_OF_LOG if sent_to == TO_THE_END else sent_to
        wait_until_s = self.now_s + SETTLE_S if waits else -math.inf
        start = Start(offset, barrier, wait_until_s)
        self.relay.assign({partition: start})
        self.owned[partition] = Owned(start, offset, barrier, offset)

    @precondition(lambda self: self.owned)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        partition = data.draw(st.sampled_from(sorted(self.owned)))
        self.relay.give_up(partition)
        del self.owned[partition]

    @precondition(lambda self: self.owned)
    @rule(data=st.data(), changes=_changes, gap=st.integers(0, 2))
    def absorb(self, data: st.DataObject, changes: dict[str, Changes], gap: int) -> None:
        partition = data.draw(st.sampled_from(sorted(self.owned)))
        if partition in self.relay.to_pause():
            return
        owned = self.owned[partition]
        log, position = self.logs[partition], owned.position
        if position == self.ends[partition]:
            first = self.ends[partition] + gap
            new = [(c, str(m), add) for c, part in changes.items() for m, add in part.items()]
            log += [(first + n, *change) for n, change in enumerate(new)]
            self.ends[partition] = first + max(1, len(new))
        run = [record for record in log if record[0] >= position][:POLL_MAX]
        after = run[-1][0] + 1 if run else self.ends[partition]
        found: dict[str, Changes] = {}
        for _, cohort, member, add in run:
            found.setdefault(cohort, {})[member] = add
        first = run[0][0] if run else position
        assert self.relay.absorb(ChangeSet(partition, first, after, found, len(run)), self.now_s)
        owned.position = after

    @precondition(lambda self: self.owned)
    @rule(data=st.data())
    def see_end(self, data: st.DataObject) -> None:
        partition = data.draw(st.sampled_from(sorted(self.owned)))
        owned = self.owned[partition]
        end = self.ends[partition]
        self.relay.saw_end(partition, end)
        owned.barrier_to = min(owned.barrier_to, end)  # The last owner read below it.
        if owned.position == end:
            self.relay.reached_end(partition)
            owned.barrier_to = -1

    # Commits.

    @precondition(lambda self: self.owned)
    @rule(last=st.booleans())
    def commit(self, last: bool) -> None:
        intents = self.relay.intents(sorted(self.owned), self.now_s, last=last)
        for intent in intents:
            owned = self.owned[intent.partition]
            if owned.barrier_to < END_OF_LOG:
                assert intent.mark.sent_to >= max(owned.asked, owned.position)
                owned.asked = intent.mark.sent_to
            assert not intent.mark.clean or last
            if intent.mark.clean:
                assert intent.offset == owned.position
                assert self.now_s >= owned.unsettled_until_s
                assert self.now_s >= owned.start.wait_until_s
            self.broker[intent.partition] = (intent.offset, intent.mark.sent_to)
        self.commits.append((self.now_s, intents))

    @precondition(lambda self: self.owned)
    @rule()
    def commit_well(self) -> None:
        self.commit(last=False)
        while self.commits:
            self.acknowledge()

    @precondition(lambda self: self.commits)
    @rule()
    def acknowledge(self) -> None:
        sent_at_s, intents = self.commits.pop(0)
        live = [i for i in intents if i.partition in self.owned]
        live = [i for i in live if i.mark.sent_to <= self.broker[i.partition][1]]
        self.relay.acknowledge(live, sent_at_s)
        for intent in live:
            owned = self.owned[intent.partition]
            owned.acknowledged = max(owned.acknowledged, intent.mark.sent_to)
            self.lease_until_s = max(self.lease_until_s, sent_at_s + LEASE_S)

    # What leaves, and how it ends.

    @rule(capacity=st.integers(1, 3), drain=st.booleans())
    def seal(self, capacity: int, drain: bool) -> None:
        flushes = self.relay.seal(self.now_s, capacity=capacity, drain=drain)
        assert len(flushes) <= capacity
        for flush in flushes:
            self._sealed(flush)

    @rule(partition=st.sampled_from(PARTITIONS))
    def seal_partition(self, partition: Partition) -> None:
        for flush in self.relay.seal_partitions([partition], self.now_s):
            self._sealed(flush)

    def _sealed(self, flush: Flush) -> None:
        assert self.now_s < self.lease_until_s
        assert flush.cohort not in {other.cohort for other in self.flights.values()}
        assert flush.changes
        assert flush.changes.keys() == {m for lane in flush.lanes for m in lane.changes}
        for cohort, listed in self.listed:
            for member, add in listed.changes.items():
                settled = cohort != flush.cohort or listed.until_s <= self.now_s
                assert settled or flush.changes.get(member, add) is add, "an opposite waits"
        for lane in flush.lanes:
            self._sealed_lane(flush.cohort, lane)
        self.flights[flush.id] = flush

    def _sealed_lane(self, cohort: str, lane: Lane) -> None:
        owned = self.owned[lane.partition]
        assert owned.position >= owned.barrier_to, "a barrier"
        assert self.now_s >= owned.start.wait_until_s, "a wait"
        assert lane.top <= owned.acknowledged, "an intent"
        owned.tickets.add(lane.ticket)
        for member, add in lane.changes.items():
            offset, last = last_of(self.logs[lane.partition], cohort, str(member), lane.top)
            assert last is add, "the last change wins"
            key = (lane.partition, cohort, str(member))
            if lane.partition not in self.regress_allowed:
                assert offset >= self.newest_sent.get(key, -1), "an older state after a newer one"
            self.newest_sent[key] = max(offset, self.newest_sent.get(key, -1))
        for (c, member), offset in self._open(lane.partition).items():
            assert c != cohort or offset >= lane.top or member in lane.changes, "nothing is lost"

    def _open(self, partition: Partition) -> dict[tuple[str, str], int]:
        """Return the first change of each member that is not done."""
        owned = self.owned[partition]
        first: dict[tuple[str, str], int] = {}
        for offset, cohort, member, _ in self.logs[partition]:
            key = (cohort, member)
            done = offset < max(owned.done_below.get(key, 0), owned.start.position)
            if offset < owned.position and not done:
                first.setdefault(key, offset)
        return first

    @precondition(lambda self: self.flights)
    @rule(data=st.data(), ambiguous=st.booleans(), abandon=st.booleans())
    def complete(self, data: st.DataObject, ambiguous: bool, abandon: bool) -> None:
        flush = self.flights.pop(data.draw(st.sampled_from(sorted(self.flights))))
        left: Changes = {}
        if abandon:
            members = st.lists(st.sampled_from(sorted(flush.changes, key=str)), unique=True)
            left = {member: flush.changes[member] for member in data.draw(members)}
        listed = (Listed(dict(flush.changes), self.now_s + SETTLE_S),) if ambiguous else ()
        self._complete(flush, Outcome(flush.id, left=left, listed=listed, abandoned=abandon))

    def _complete(self, flush: Flush, outcome: Outcome) -> None:
        self.listed += [(flush.cohort, entry) for entry in outcome.listed]
        self.relay.complete(outcome, self.now_s)
        for lane in flush.lanes:
            if (owned := self.owned.get(lane.partition)) is None:
                continue
            if outcome.listed:
                owned.unsettled_until_s = self.now_s + SETTLE_S
            for member, add in lane.changes.items() if lane.ticket in owned.tickets else ():
                if outcome.left.get(member) is not add:
                    owned.done_below[flush.cohort, str(member)] = lane.top

    @rule(for_s=st.sampled_from([1.0, 3.0]))
    def wait(self, for_s: float) -> None:
        self.now_s += for_s

    @precondition(lambda self: self.relay.saturated)
    @rule(held=st.booleans())
    def relieve(self, held: bool) -> None:
        opened = self.relay.relieve(held=held)
        if opened is not None:
            assert self.relay.pending >= PENDING_MAX
            self.owned[opened].barrier_to = -1
            self.regress_allowed.add(opened)

    # What is always true.

    @invariant()
    def no_offset_passes_what_is_open_or_goes_back(self) -> None:
        for partition, owned in self.owned.items():
            offset, _ = self.relay.tenures[partition].ledger.committable()
            assert offset >= owned.committed
            owned.committed = offset
            still_open = self._open(partition)
            assert offset <= min(still_open.values(), default=owned.position)
            if not still_open:
                assert offset == owned.position

    @invariant()
    def pending_is_members_and_6_a_lane(self) -> None:
        lanes = [lane.changes for flush in self.flights.values() for lane in flush.lanes]
        lanes += [lane.changes for w in self.relay.waiting() for lane in w.lanes.values()]
        assert self.relay.pending == sum(map(len, lanes)) + 6 * len(lanes)
        assert all(window.lanes for window in self.relay.waiting())

    @invariant()
    def pending_passes_the_cap_by_less_than_a_poll(self) -> None:
        assert self.relay.pending < PENDING_MAX + POLL_MAX * (1 + LANE_COST)

    @invariant()
    def who_holds_little_is_read_on_until_memory_is_full(self) -> None:
        """Only the limit, met, pauses a partition that holds no more than half a share (G10)."""
        if self.relay.saturated:
            return
        lanes = [lane for flush in self.flights.values() for lane in flush.lanes]
        lanes += [lane for w in self.relay.waiting() for lane in w.lanes.values()]  # type: ignore[misc]
        paused = self.relay.to_pause()
        assert not paused or self.relay.pending > PENDING_MAX // 2
        assert not paused or paused < self.owned.keys()
        for partition in paused:
            held = sum(len(lane.changes) + 6 for lane in lanes if lane.partition == partition)
            assert held > PENDING_MAX / 4 / len(self.owned) / 2

    def teardown(self) -> None:
        with self.patches:
            self._drain()

    def _drain(self) -> None:
        """When input stops and everything is answered, everything is committed."""
        self.now_s += 100.0
        for _ in range(300):
            self.commit_well()
            for partition, owned in self.owned.items():
                self.relay.reached_end(partition)
                owned.barrier_to = -1
                self.regress_allowed.add(partition)
            for flush in self.relay.seal(self.now_s, capacity=9, drain=True):
                self._sealed(flush)
            while self.flights:
                flush_id, flush = self.flights.popitem()
                self._complete(flush, Outcome(flush_id))
            if self.relay.idle:
                break
        assert self.relay.idle
        for partition, owned in self.owned.items():
            assert self.relay.tenures[partition].ledger.committable()[0] == owned.position


RelayRulesMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None
)
TestRelayRules = RelayRulesMachine.TestCase
