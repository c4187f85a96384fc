"""Decoding as it is without what catches our own mistakes: for tests that look for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from daemon.formats import decode


@contextmanager
def nothing_caught() -> Iterator[None]:
    """Let whatever a decoder raises through."""
    kept, decode.UNFORESEEN = decode.UNFORESEEN, ()
    try:
        yield
    finally:
        decode.UNFORESEEN = kept
