from __future__ import annotations

import json

import pytest

from daemon.core.intent import METADATA_BYTES_MAX, TO_THE_END, Mark


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("sent_to", [0, 20_000, 2**63 - 1, TO_THE_END])
def test_what_was_written_is_read(sent_to: int, clean: bool) -> None:
    mark = Mark(sent_to, clean, "ZbmY5P0FSJ2k4C8ZQ2tqVw", "0a1b2c3d")

    assert Mark.decode(mark.encode()) == mark


def test_the_text_is_as_the_guarantees_say() -> None:
    text = Mark(12, True, "t1", "f1").encode()

    assert text == '{"v":1,"to":12,"s":"clean","t":"t1","f":"f1"}'


def test_the_longest_mark_keeps_the_limit() -> None:
    mark = Mark(2**63 - 1, True, "t" * 36, "f" * 64)

    assert len(mark.encode().encode()) <= METADATA_BYTES_MAX == 200


def test_a_mark_that_is_too_long_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Mark(1, True, "t" * 200, "f1").encode()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "noted by hand",
        "[]",
        "1",
        "[" * 4_000,
        "{}",
        '{"v":2,"to":1,"s":"open","t":"","f":""}',
        '{"v":1,"s":"open","t":"","f":""}',
        '{"v":1,"to":"1","s":"open","t":"","f":""}',
        '{"v":1,"to":true,"s":"open","t":"","f":""}',
        '{"v":1,"to":1.5,"s":"open","t":"","f":""}',
        '{"v":1,"to":-2,"s":"open","t":"","f":""}',
        f'{{"v":1,"to":{2**63},"s":"open","t":"","f":""}}',
        '{"v":1,"to":1,"s":"shut","t":"","f":""}',
        '{"v":1,"to":1,"s":[],"t":"","f":""}',
        f'{{"v":1,"to":1,"s":"open","t":"{"t" * 200}","f":""}}',
    ],
)
def test_what_is_not_ours_reads_as_no_metadata(text: str | None) -> None:
    assert Mark.decode(text) is None


def test_fields_that_a_later_release_adds_are_ignored() -> None:
    text = json.dumps({"v": 1, "to": 5, "s": "open", "t": "a", "f": "b", "new": 1})

    assert Mark.decode(text) == Mark(5, False, "a", "b")
