"""Tokens fetched ahead: what a client is given, when, and what is said where there is none."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from daemon.kafka.client_errors import ClientEvent
from daemon.kafka.token_watch import NO_TOKEN, TokenWatch
from daemon.tokens import source as module
from daemon.tokens.source import NoToken, Token, TokenSource, source_in
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

NOW_S = 1_790_000_000.0
RAISED = ClientEvent("_AUTHENTICATION", "Failed to acquire SASL OAUTHBEARER token: it raised")


class Cloud:
    """Gives tokens of a quarter of an hour, or not; the clock stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = NOW_S
        self.asked = 0
        self.trouble: Exception | None = None
        self.source = TokenSource(self.fetch, lambda: self.now_s)

    def fetch(self) -> Token:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return Token(f"token-{self.asked}", self.now_s + 900.0)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    return Cloud()


def test_the_callback_gives_the_token_and_its_end_in_seconds(cloud: Cloud) -> None:
    assert cloud.source.wait(5.0)

    assert cloud.source("ignored") == ("token-1", NOW_S + 900.0)
    assert cloud.source.trouble == ""
    assert cloud.asked == 1  # The next one comes after a third of its life.


def test_nothing_is_asked_for_before_somebody_needs_it(cloud: Cloud) -> None:
    assert cloud.asked == 0
    assert source_in({}) is None
    assert source_in({"oauth_cb": print}) is None
    assert source_in({"oauth_cb": cloud.source}) is cloud.source
    assert cloud.asked == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NoToken("AWS gives this process no credentials"), "AWS gives this process no credentials"),
        (RuntimeError("canary-secret"), "an unexpected RuntimeError"),
    ],
)
def test_without_one_it_raises_at_once_and_asks_again(
    cloud: Cloud, error: Exception, words: str
) -> None:
    cloud.trouble = error
    wait_until("it is asked again", lambda: (cloud.source.trouble and cloud.asked > 2) or None)

    with pytest.raises(NoToken, match=words):
        cloud.source(None)
    assert cloud.source.trouble == f"no token to log in with: {words}"
    assert not cloud.source.wait(0.0)

    cloud.trouble = None

    assert cloud.source.wait(5.0)
    assert cloud.source.trouble == ""


def test_a_cloud_that_hangs_holds_nobody(cloud: Cloud) -> None:
    over = threading.Event()
    source = TokenSource(lambda: (over.wait(), Token("late", NOW_S + 900.0))[1], lambda: NOW_S)

    with pytest.raises(NoToken, match="none has come yet"):
        source(None)

    over.set()
    assert source.wait(5.0)


def test_one_that_is_about_to_end_is_none(cloud: Cloud) -> None:
    assert cloud.source.wait(5.0)

    cloud.now_s += 895.0

    with pytest.raises(NoToken):
        cloud.source(None)
    begun_s = time.monotonic()
    assert not cloud.source.wait(0.2)
    assert time.monotonic() - begun_s >= 0.2  # Whoever waits again and again does not spin.


def test_it_is_renewed_after_a_third_of_its_life(cloud: Cloud) -> None:
    slept: list[float] = []
    twice, never = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            twice.set()
            never.wait()

    source = TokenSource(cloud.fetch, lambda: NOW_S, sleep)
    assert source.wait(5.0)

    assert twice.wait(5.0)
    assert slept == [300.0, 300.0]
    assert source(None) == ("token-2", NOW_S + 900.0)
    never.set()


def _watch(cloud: Cloud) -> tuple[TokenWatch, Callable[[float], None]]:
    now = [0.0]

    def at(now_s: float) -> None:
        now[0] = now_s

    return TokenWatch(cloud.source, lambda: now[0]), at


def test_the_watch_says_why_every_few_seconds_in_place_of_librdkafka(cloud: Cloud) -> None:
    cloud.trouble = NoToken("nobody is in")
    watch, at = _watch(cloud)
    wait_until("it was asked", lambda: "nobody" in watch.trouble)
    why = ClientEvent(NO_TOKEN, "no token to log in with: nobody is in")

    assert watch.events([RAISED]) == []  # The first one may take a moment.
    at(3.0)
    assert watch.events([RAISED]) == [why]
    at(4.0)
    assert watch.events([RAISED]) == []
    at(33.0)
    assert watch.events([]) == [why]
    cloud.trouble = NoToken("nobody is out")
    wait_until("it was asked again", lambda: "out" in watch.trouble)
    assert [told.text[-13:] for told in watch.events([])] == ["nobody is out"]

    cloud.trouble = None
    assert cloud.source.wait(5.0)
    assert watch.events([RAISED]) == []
    cloud.trouble = NoToken("nobody is in")
    cloud.now_s += 1000.0
    wait_until("it has ended", lambda: watch.trouble)
    [told] = watch.events([RAISED])
    assert told.code == NO_TOKEN


def test_without_a_source_librdkafkas_words_stand(cloud: Cloud) -> None:
    watch = TokenWatch(None, lambda: 0.0)

    assert watch.trouble == ""
    assert watch.events([RAISED]) == [RAISED]
