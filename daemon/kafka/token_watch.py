"""Whether there is a token for a client to log in with, told as the client's own events.

librdkafka says of a missing token only that its callback raised. Whoever fetches it knows why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from daemon.kafka.client_errors import ClientEvent
from daemon.tokens.source import TokenSource

NO_TOKEN: Final = "NO_TOKEN"  # noqa: S105  A kind of trouble, not a password.

# How long a first token may take before it is complained of, and how often the same is said.
_FIRST_S: Final = 3.0
_EVERY_S: Final = 30.0

_LIBRDKAFKAS_WORDS: Final = "Failed to acquire SASL OAUTHBEARER token"


class TokenWatch:
    """Looks at one source for one client; without a source there is nothing to tell."""

    def __init__(self, source: TokenSource | None, clock: Callable[[], float]) -> None:
        self._source = source
        self._clock = clock
        self._say_at_s = clock() + _FIRST_S
        self._said = ""

    @property
    def needed(self) -> bool:
        """Whether a client logs in by tokens."""
        return self._source is not None

    @property
    def trouble(self) -> str:
        """Why no client can be made now; empty where one can."""
        return self._source.trouble if self._source is not None else ""

    def events(self, heard: Sequence[ClientEvent]) -> list[ClientEvent]:
        """Return what the client met, and what is wrong with its token in better words."""
        if self._source is None:
            return list(heard)
        told = [each for each in heard if _LIBRDKAFKAS_WORDS not in each.text]
        trouble, now_s = self.trouble, self._clock()
        if not trouble:
            self._say_at_s, self._said = -math.inf, ""  # The next time, at once.
        elif now_s >= self._say_at_s or (self._said and trouble != self._said):
            self._say_at_s, self._said = now_s + _EVERY_S, trouble
            told.append(ClientEvent(NO_TOKEN, trouble))
        return told
