"""What the search for hostile inputs has found before is read again."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.corpus import read_corpus
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Parts, join, run, split

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """The collector off: all that a session of tests keeps alive would count as an input's time."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
def test_no_kept_input_makes_a_decoder_raise_or_take_long() -> None:
    kept = [*read_corpus(), *seeds()]

    reached, longest_s = set(), 0.0
    for data in kept:
        began_s = time.thread_time()
        reached.add(run(data))
        longest_s = max(longest_s, time.thread_time() - began_s)

    assert reached == set(TARGETS)
    assert longest_s < 1.0


@pytest.mark.parametrize(
    "parts",
    [
        Parts(b"value"),
        Parts(None, b"key"),
        Parts(b"v", b"k", (("a", b"1"), ("b", None))),
    ],
)
def test_an_input_is_taken_apart_as_it_was_put_together(parts: Parts) -> None:
    assert split(join(parts)) == parts
