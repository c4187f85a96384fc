"""An answer, and the ways in which it does or does not reach the client.

It must not know why: `braze` decides, `connection` delivers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus

import orjson

from daemon.tools.simulator.quota import Headers

JSON: Headers = (("Content-Type", "application/json"),)
HTML: Headers = (("Content-Type", "text/html; charset=utf-8"),)

# What Braze says beside a status, where it is not the standard phrase.
_TEXTS = {
    401: "Invalid client secret",
    403: "Your rate plan does not permit this action",
    423: "Resource is locked, please retry",
    429: "Rate limited",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; the length header is added when it is sent."""

    status: int
    body: bytes
    headers: Headers = JSON

    @property
    def accepted(self) -> bool:
        """Whether the request was taken."""
        return 200 <= self.status < 300  # noqa: PLR2004


class Delivery(Enum):
    """How an answer is delivered."""

    WHOLE = auto()
    TRUNCATED = auto()  # Half of the body, then the connection is closed.
    DRIPPED = auto()  # A byte of the body at a time.
    PADDED = auto()  # Behind very much white space.
    LAST = auto()  # Whole, and then the connection is closed without having said so.
    CLOSED = auto()  # No answer: the connection is closed.
    HUNG = auto()  # No answer: the connection stays open until the client gives up.


@dataclass(frozen=True, slots=True)
class Reaction:
    """What happens after a request: an answer, its way, and how long it takes to begin."""

    answer: Answer
    delivery: Delivery = Delivery.WHOLE
    delay_s: float = 0.0
    drip_s: float = 0.0  # For DRIPPED: the time between two bytes.
    padding: int = 0  # For PADDED: bytes of white space.

    @property
    def outcome(self) -> str:
        """The status as text, or how there was none."""
        if self.delivery is Delivery.CLOSED:
            return "dropped"
        return "hung" if self.delivery is Delivery.HUNG else str(self.answer.status)


def say(status: int, text: str | None = None, headers: Headers = ()) -> Answer:
    """Return an answer in Braze's form; without a text, in the usual words for the status."""
    if text is None:
        text = _TEXTS.get(status) or _phrase(status)
    return Answer(status, orjson.dumps({"message": text}), JSON + headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
