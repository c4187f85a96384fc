"""The ledger against an obvious model: a list of promises."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.core.ledger import PartitionLedger


class LedgerRules(RuleBasedStateMachine):
    """Holds are floors in a list; what may be committed is the lowest, or the position."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = PartitionLedger(0, 0)
        self.position = 0
        self.floors: dict[int, int] = {}
        self.old_tickets: list[int] = []
        self.committed = 0

    @rule(length=st.integers(1, 20), gap=st.integers(0, 3), keep=st.booleans())
    def take_run(self, length: int, gap: int, keep: bool) -> None:
        first = self.position + gap
        if keep:
            self.floors[self.ledger.hold(first)] = first
        self.position = first + length
        self.ledger.advance(self.position)

    @rule(length=st.integers(0, 5))
    def pass_control_records(self, length: int) -> None:
        self.position += length
        self.ledger.advance(self.position)

    @precondition(lambda self: self.floors)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(sorted(self.floors)))
        del self.floors[ticket]
        self.old_tickets.append(ticket)
        self.ledger.release(ticket)

    @precondition(lambda self: self.old_tickets)
    @rule(data=st.data())
    def release_again(self, data: st.DataObject) -> None:
        self.ledger.release(data.draw(st.sampled_from(self.old_tickets)))

    @invariant()
    def commits_the_lowest_promise_and_never_goes_back(self) -> None:
        offset, _ = self.ledger.committable()
        assert offset == min(self.floors.values(), default=self.position)
        assert offset >= self.committed
        assert self.ledger.open_holds == len(self.floors)
        self.committed = offset


LedgerRules.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestLedgerRules = LedgerRules.TestCase
