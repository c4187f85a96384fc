"""The connection between a client and the coordinator: in order, late, and sometimes broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from daemon.kafka.records import Commit, CommitResult
from tests.simulation.coordinator import Coordinator
from tests.simulation.world import Waiter, World

# A commit that never gets an answer is given up after this (60 s and more in the real client).
_FORGOTTEN_S = 8.0
_SILENT_S = 5.0

_PASSING = ("REBALANCE_IN_PROGRESS", "NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS")


class Owner(Waiter, Protocol):
    """The process at one end."""

    dead: bool

    @property
    def reachable(self) -> bool:
        """It and the brokers hear each other."""

    def guard(self, do: Callable[[], None]) -> Callable[[], None]: ...


class Channel:
    """One connection. What is sent arrives in the order in which it was sent, or not at all."""

    def __init__(self, world: World, owner: Owner, coordinator: Coordinator) -> None:
        self.results: list[CommitResult] = []
        self._world = world
        self._owner = owner
        self._coordinator = coordinator
        self._there_at_s = 0.0
        self._back_at_s = 0.0
        self._owed: dict[int, float] = {}
        self._requests = 0

    def there(self, do: Callable[[], None], *, even_gone: bool = False) -> None:
        """Have something reach the coordinator; what a process said last may outlive it."""
        delay_s = self._world.rng.choice((0.002, 0.02, 0.05, 0.3))
        self._there_at_s = max(self._there_at_s, self._world.now + delay_s)

        def arrive() -> None:
            if self._coordinator.silent:
                self._world.at(self._coordinator.silent_until_s, arrive)
            elif self._owner.reachable or (even_gone and self._owner.dead):
                do()
            elif not self._owner.dead:
                self._world.after(0.25, arrive)

        self._world.at(self._there_at_s, arrive)

    def back(self, do: Callable[[], None]) -> None:
        """Have something reach the client's own threads."""
        self._back_at_s = max(self._back_at_s, self._world.now + self._world.rng.uniform(0.0, 0.4))
        self._world.at(self._back_at_s, self._owner.guard(do))

    # Commits.

    def send(self, member: int, epoch: int, commits: Sequence[Commit]) -> None:
        """Send a request; its answers end in `results`."""
        self._request(member, epoch, commits, self.results_add)

    def results_add(self, results: list[CommitResult]) -> None:
        """Take answers in."""
        self.results.extend(results)

    def send_and_wait(
        self, member: int, epoch: int, commits: Sequence[Commit]
    ) -> list[CommitResult]:
        """Send, and let the world go on until the answer is there."""
        if not commits:
            return []
        if any(self._world.now - at_s > _SILENT_S for at_s in self._owed.values()):
            return [CommitResult(commit, "_TIMED_OUT") for commit in commits]
        found: list[CommitResult] = []
        self._request(member, epoch, commits, found.extend)
        until_s = self._world.now + _FORGOTTEN_S + 1.0
        self._world.wait(self._owner, lambda: bool(found), until_s)
        return found or [CommitResult(commit, "_TIMED_OUT") for commit in commits]

    def _request(
        self,
        member: int,
        epoch: int,
        commits: Sequence[Commit],
        heard: Callable[[list[CommitResult]], None],
    ) -> None:
        self._requests += 1
        number = self._requests
        self._owed[number] = self._world.now

        def answered(results: list[CommitResult]) -> None:
            if self._owed.pop(number, None) is not None:
                heard(results)

        def arrive() -> None:
            answers = self._arrived(member, epoch, commits)
            if answers is None:
                return
            results, late_s = answers
            if late_s:  # Answers come back in any order.
                self._world.after(late_s, self._owner.guard(lambda: answered(results)))
            else:
                self.back(lambda: answered(results))

        def forget() -> None:
            if number in self._owed:
                self._world.sometimes("commit_unanswered")
                answered([CommitResult(commit, "_TIMED_OUT") for commit in commits])

        self._send_once(arrive)
        self._world.after(_FORGOTTEN_S, self._owner.guard(forget))

    def _send_once(self, arrive: Callable[[], None]) -> None:
        """Unlike a join, a commit is not repeated where the connection is broken."""
        delay_s = self._world.rng.choice((0.002, 0.02, 0.05, 0.3))
        self._there_at_s = max(self._there_at_s, self._world.now + delay_s)

        def reach() -> None:
            if self._coordinator.silent:
                self._world.at(self._coordinator.silent_until_s, reach)
            elif self._owner.reachable or self._owner.dead or self._owner.frozen:
                arrive()  # Bytes that a dead or frozen process had written arrive all the same.

        self._world.at(self._there_at_s, reach)

    def _arrived(
        self, member: int, epoch: int, commits: Sequence[Commit]
    ) -> tuple[list[CommitResult], float] | None:
        """Return the answers and how late they come, None where they are lost on the way."""
        trouble, rng = self._coordinator.trouble, self._world.rng
        if self._world.now < trouble.refuse_until_s and rng.random() < 0.6:
            return self._refused(member, epoch, commits), 0.0
        losing = self._world.now < trouble.lose_until_s
        if losing and rng.random() < 0.3:
            self._world.sometimes("commit_lost")
            return None
        results = self._coordinator.commit(member, epoch, commits)
        if losing and rng.random() < 0.4:
            self._world.sometimes("commit_answer_lost")
            return None
        if losing and rng.random() < 0.4:
            self._world.sometimes("commit_answer_late")
            return results, rng.uniform(1.0, 7.0)
        return results, 0.0

    def _refused(self, member: int, epoch: int, commits: Sequence[Commit]) -> list[CommitResult]:
        """Refuse a request whole; one partition's oversized metadata lets the others through."""
        error = self._world.rng.choice((*_PASSING, "OFFSET_METADATA_TOO_LARGE"))
        if error not in _PASSING and len(commits) > 1:
            taken = self._coordinator.commit(member, epoch, commits[1:])
            said_failed = any(result.error is None for result in taken)
            self._world.sometimes("commit_taken_but_said_failed", int(said_failed))
        self._world.sometimes(f"commit_{error.lower()}")
        return [CommitResult(commit, error) for commit in commits]
