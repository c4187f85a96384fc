"""The thread around the intake: what is seen of it when it stands still, or falls over."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon import clocks
from daemon.core.lease import Lease
from daemon.core.model import Partition
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.takeover import Destination
from daemon.core.tenure import Start
from daemon.errors import CohortdError
from daemon.intake.starts import FirstStart, Starts
from daemon.intake_thread import IntakeThread
from daemon.kafka.records import Survey
from daemon.report import LIVE_WITHIN_S, live_checks
from daemon.status import Board, DaemonView
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


class Scene:
    """A thread whose every turn does what a test says."""

    def __init__(self, turn: Callable[[], int]) -> None:
        self.board = Board(DaemonView("0.1.0", "acme", "3f9c", "g", 0.0), clocks.now_s())
        self.failures: list[BaseException | None] = []
        self.steps: list[str] = []
        intake = SimpleNamespace(
            heard=0,
            heard_topics=set(),
            surveys=SimpleNamespace(latest=None),
            committer=SimpleNamespace(accepted=0),
            relay=Relay(RelayRules(), Lease(1.0)),  # It has nothing, and is idle.
            request_s=1.0,
            draining=False,
            join=lambda: self.steps.append("join"),
            turn=turn,
            drained=lambda *_: True,
            stop_by=lambda _: None,
            leave=lambda _: self.steps.append("leave"),
        )
        watch = SimpleNamespace(took=lambda _: None, turn=lambda *_, **__: None, client_trouble="")
        self.tokens = SimpleNamespace(trouble="")
        consumer = SimpleNamespace(client_events=list, failing_topics=set, tokens=self.tokens)
        self.thread = IntakeThread(
            cast("Any", intake),
            cast("Any", consumer),
            cast("Any", watch),
            self.board,
            self.failures.append,
        )

    def alive(self, now_s: float) -> bool:
        return all(
            check.ok for check in live_checks(self.board, now_s) if check.name == "intake_loop"
        )


def test_a_turn_that_never_ends_is_no_life() -> None:
    stuck, let_go = threading.Event(), threading.Event()

    def turn() -> int:
        stuck.set()
        let_go.wait()
        return 0

    scene = Scene(turn)
    scene.thread.start()
    stuck.wait()

    now_s = clocks.now_s()
    assert scene.alive(now_s)
    assert not scene.alive(now_s + LIVE_WITHIN_S + 1.0)
    assert scene.failures == []  # Whoever watches /livez ends it; from inside nothing can.

    let_go.set()
    scene.thread.stop(clocks.now_s())
    scene.thread.join()
    assert scene.steps == ["join", "leave"]


def test_without_a_token_it_lives_and_neither_joins_nor_turns() -> None:
    turned = threading.Event()

    def turn() -> int:
        turned.set()
        return 0

    scene = Scene(turn)
    scene.tokens.trouble = "no token to log in with"
    scene.board.intake_tick_s = clocks.now_s() - 100.0

    scene.thread.start()
    wait_until("it gives a sign of life", lambda: scene.alive(clocks.now_s()))
    assert scene.steps == []

    scene.tokens.trouble = ""
    assert turned.wait(10.0)
    scene.thread.stop(clocks.now_s())
    scene.thread.join()
    assert scene.steps == ["join", "leave"]


def test_without_a_token_it_stops_at_once_and_leaves_nothing() -> None:
    scene = Scene(lambda: 0)
    scene.tokens.trouble = "no token to log in with"

    scene.thread.start()
    scene.thread.stop(clocks.now_s() + 10.0)
    scene.thread.join(5.0)

    assert scene.steps == []
    assert scene.failures == [None]


def test_a_turn_that_ends_is_a_sign_of_life() -> None:
    turns: list[float] = []

    def turn() -> int:
        turns.append(clocks.now_s())
        return 0

    scene = Scene(turn)
    scene.board.intake_tick_s = clocks.now_s() - 100.0
    assert not scene.alive(clocks.now_s())

    scene.thread.start()
    wait_until("it has turned", lambda: len(turns) > 1)

    assert scene.alive(clocks.now_s())
    scene.thread.stop(clocks.now_s())
    scene.thread.join()


@pytest.mark.parametrize("failure", [CohortdError("the client gave up"), ZeroDivisionError()])
def test_what_a_turn_raises_ends_the_thread_and_is_told(failure: Exception) -> None:
    def turn() -> int:
        raise failure

    scene = Scene(turn)

    scene.thread.start()
    scene.thread.join()

    assert scene.failures == [failure]
    assert scene.steps == ["join"]  # Nothing is committed and nothing given up.


def test_a_broker_that_answers_slowly_is_not_taken_for_a_dead_daemon() -> None:
    beats: list[int] = []
    asked: list[int] = []

    def answer(what: Any) -> Callable[..., Any]:  # noqa: ANN401
        def ask(*_: object) -> Any:  # noqa: ANN401
            asked.append(len(beats))
            return what

        return ask

    at = Partition("t", 0)
    consumer = SimpleNamespace(
        committed=answer({at: None}),
        log_range=answer((5, 9)),
    )
    starts = Starts(
        cast("Any", consumer),
        Destination("f", 1.0),
        FirstStart(),
        lambda: 0.0,
        lambda: beats.append(1),
    )

    found = starts.find([at], Survey(0.0, {}, {"t": 3}), 0.0).found

    assert cast("Start", found[at]).position == 5
    assert len(set(asked)) == len(asked) == 3  # It beats between any two questions.
