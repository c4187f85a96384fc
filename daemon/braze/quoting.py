"""How much of other people's words may be repeated: masked, escaped and short.

Pure. Braze, a proxy or whoever answers in their place may echo what we sent; what is quoted goes
to logs, to `/status` and to dead-letter headers, where no credential and no member id may stand
(G13), and no control character either (log injection).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import orjson

QUOTE_CHARS_MAX: Final = 256


def quote(text: str, secrets: Iterable[str] = (), ids: Iterable[str] = ()) -> str:
    """Return at most 256 characters of `text`, with secrets and member ids masked.

    Masks before it cuts: half a secret is still one. An id is masked where it stands as a word
    of its own, so that `1` does not eat the figures of Braze's messages.
    """
    for secret in _longest_first(secrets):
        for form in _forms(secret):
            text = text.replace(form, "***")
    for id_ in _longest_first(ids):
        for form in _forms(id_):
            if form in text:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "[id]", text)
    # An escaped character is longer, never shorter, so nothing beyond the limit can be needed.
    escaped = "".join(map(_escape, text[:QUOTE_CHARS_MAX]))
    if len(escaped) <= QUOTE_CHARS_MAX and len(text) <= QUOTE_CHARS_MAX:
        return escaped
    return escaped[: QUOTE_CHARS_MAX - 1] + "…"


def _longest_first(words: Iterable[str]) -> list[str]:
    return sorted(filter(None, words), key=len, reverse=True)


def _forms(word: str) -> tuple[str, ...]:
    """Return the word as it is and as it would stand in JSON, if that differs."""
    encoded = orjson.dumps(word)[1:-1].decode()
    return (word,) if encoded == word else (word, encoded)


def _escape(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape", "replace").decode()
