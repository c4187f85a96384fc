"""Tokens to log in to Kafka with, fetched ahead on a thread of their own.

librdkafka asks for a token by a callback, on a thread of each client. Measured with 2.16: to make
a client waits for its first token (a second at least, ten at most, and then it fails), and to
close one waits for the callback. A cloud may be silent for minutes. So the callback hands out what
is there, at once, and whoever makes a client looks first whether there is anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

# How soon it asks again after it got no token, and what it waits at least between two tokens.
AGAIN_S: Final = 5.0

# One that ends so soon is none any more: a client takes a moment to be made.
_ENDS_S: Final = 10.0

# A token is replaced after this share of its life: the rest is for a cloud that is away.
_RENEWED_AT: Final = 1 / 3


class NoToken(Exception):  # noqa: N818  A state, which passes; not a mistake.
    """There is no token, for a reason that may be shown: it holds no secret."""


class Token(NamedTuple):
    """What a broker is shown, and until when it is good, in seconds of Unix time."""

    value: str
    expires_unix_s: float


class TokenSource:
    """Keeps one token for all clients of the process, from the first moment anybody asks.

    It is librdkafka's `oauth_cb`. `fetch` returns a new token or raises NoToken, as late as it
    may; it is called on one thread only, and again until the process ends.
    """

    def __init__(
        self,
        fetch: Callable[[], Token],
        unix_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._fetch = fetch
        self._unix_clock = unix_clock
        self._sleep = sleep
        self._begun = threading.Lock()
        self._renewed = threading.Condition()
        self._token: Token | None = None
        self._why = "none has come yet"

    def __call__(self, _config: object) -> tuple[str, float]:
        """Return the token and its end, for librdkafka; raise NoToken where there is none."""
        token = self._good()
        if token is None:
            raise NoToken(self._why)
        return token

    @property
    def trouble(self) -> str:
        """Why there is no token to log in with; empty while there is one."""
        return "" if self._good() else f"no token to log in with: {self._why}"

    def wait(self, timeout_s: float) -> bool:
        """Wait until there is a token; tell whether there is."""
        with self._renewed:
            return self._renewed.wait_for(lambda: self._good() is not None, timeout_s)

    def _good(self) -> Token | None:
        self._begin()
        token = self._token
        if token is None or token.expires_unix_s < self._unix_clock() + _ENDS_S:
            return None
        return token

    def _begin(self) -> None:
        """Start the thread, once; the lock is never given back."""
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self._keep, name="cohortd-tokens", daemon=True).start()

    def _keep(self) -> None:
        while True:
            self._sleep(self._renew())

    def _renew(self) -> float:
        """Fetch a token; return how long to wait for the next time."""
        try:
            token = self._fetch()
        except NoToken as error:
            self._why = str(error)
            return AGAIN_S
        except Exception as error:  # noqa: BLE001  Its words may hold what must not be shown.
            self._why = f"an unexpected {type(error).__name__}"
            return AGAIN_S
        with self._renewed:
            self._token = token
            self._renewed.notify_all()
        left_s = token.expires_unix_s - self._unix_clock()
        return max(AGAIN_S, left_s * _RENEWED_AT)


def source_in(properties: Mapping[str, object]) -> TokenSource | None:
    """Return where a client with these properties gets its tokens; None where it needs none."""
    found = properties.get("oauth_cb")
    return found if isinstance(found, TokenSource) else None
