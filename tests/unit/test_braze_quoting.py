from __future__ import annotations

import pytest

from daemon.braze.quoting import QUOTE_CHARS_MAX, quote


def test_plain_words_are_repeated_as_they_are() -> None:
    assert quote("Only 1,000 ids are allowed: naïve 👍") == "Only 1,000 ids are allowed: naïve 👍"


@pytest.mark.parametrize("text", ["key s3cr3t!", "s3cr3t", "xs3cr3tx", '{"k":"s3cr3t"}'])
def test_secrets_are_masked_wherever_they_stand(text: str) -> None:
    assert "s3cr3t" not in quote(text, secrets=["s3cr3t"])


def test_a_secret_is_masked_in_its_json_form_too() -> None:
    assert quote('was "a\\"b\\\\c"', secrets=['a"b\\c']) == 'was "***"'


def test_a_secret_that_contains_another_leaves_no_rest() -> None:
    assert quote("abcdef", secrets=["abc", "abcdef"]) == "***"


def test_an_empty_secret_masks_nothing() -> None:
    assert quote("abc", secrets=["", ""]) == "abc"


def test_masking_comes_before_cutting() -> None:
    secret = "0123456789abcdef" * 20
    text = "x" * (QUOTE_CHARS_MAX - 5) + secret

    quoted = quote(text, secrets=[secret])

    assert "0123" not in quoted
    assert len(quoted) == QUOTE_CHARS_MAX - 2


def test_ids_are_masked_as_whole_words() -> None:
    quoted = quote('user u1 unknown, u1. but not u12 or "u1"', ids=["u1"])

    assert quoted == 'user [id] unknown, [id]. but not u12 or "[id]"'


def test_an_id_with_spaces_and_dots_is_masked() -> None:
    assert quote("bad alias Jo Doe+x@y.z!", ids=["Jo Doe+x@y.z"]) == "bad alias [id]!"


@pytest.mark.parametrize("char", ["\x00", "\n", "\x1b", "\x7f", "\x85", "\u202e", "\u2028"])
def test_control_characters_are_escaped(char: str) -> None:
    quoted = quote(f"a{char}b")

    assert quoted.isprintable()
    assert quoted.startswith("a\\")


@pytest.mark.parametrize("text", ["y" * 10_000, "\x00" * 10_000, "y" * 257])
def test_a_quote_is_bounded_and_says_that_it_was_cut(text: str) -> None:
    quoted = quote(text)

    assert len(quoted) <= QUOTE_CHARS_MAX
    assert quoted.endswith("…")
