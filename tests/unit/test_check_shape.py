from __future__ import annotations

import pytest

from daemon.core.model import Alias, Device, Member
from daemon.tools.check.finding import Level
from daemon.tools.check.shape import describe_members, shape_of


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", "UUID"),
        ("3F2504E0-4F89-11D3-9A0C-0305E82C3301", "UUID"),
        ("0042", "digits"),
        ("ada@example.org", "e-mail-looking"),
        (" 42", "padded with spaces"),
        ("ada@example.org\t", "padded with spaces"),
        ("AeI=", "base64-looking"),
        ("aGVsbG8gd29ybGQ=", "base64-looking"),
        ("5f3a9b0c1d2e", "hexadecimal"),
        ("customer", "other text"),
        ("user_42", "other text"),
        ("a=b", "other text"),
        ("acme/42", "other text"),
        ("ключ", "other text"),
    ],
)
def test_an_id_has_one_shape(text: str, shape: str) -> None:
    assert shape_of(text) == shape


def _warnings(*members: Member) -> list[str]:
    found = describe_members("topic", members)
    return [str(finding) for finding in found if finding.level is Level.WARNING]


def test_shapes_are_counted_by_kind_and_show_no_id() -> None:
    members: list[Member] = ["17", "18", Device("17"), Alias("ada", "email")]

    found = describe_members("topic", members)

    assert [str(finding) for finding in found] == [
        "topic: the shape of the ids: 2 external_id digits, 1 alias other text, 1 device_id digits"
    ]


def test_ids_that_braze_would_not_know_are_warned_of_and_not_shown() -> None:
    warnings = _warnings("ada@example.org", "AeI=", "42 ", "42")

    assert len(warnings) == 3
    assert all("1 of 4 external_ids" in line for line in warnings)
    assert all(text not in "".join(warnings) for text in ("ada", "AeI", "42"))


def test_an_email_as_an_alias_is_what_it_should_be() -> None:
    assert _warnings(Alias("ada@example.org", "email")) == []


def test_an_alias_with_name_and_label_swapped_is_told() -> None:
    (line,) = _warnings(Alias("email", "ada@example.org"))

    assert "the label is the kind" in line
    assert "ada" not in line


def test_nobody_has_no_shape() -> None:
    assert describe_members("topic", []) == []
