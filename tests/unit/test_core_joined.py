from __future__ import annotations

import pytest

from daemon.core.joined import Joined
from daemon.core.model import Changes

PARTS: list[Changes] = [{"ann": True, "bob": False}, {"cid": False}, {}]
WHOLE: Changes = {"ann": True, "bob": False, "cid": False}


def test_it_is_what_one_dict_would_be() -> None:
    joined = Joined(PARTS)

    assert joined == WHOLE
    assert len(joined) == 3
    assert list(joined) == list(WHOLE)
    assert list(joined.items()) == list(WHOLE.items())
    assert list(joined.values()) == list(WHOLE.values())
    assert dict(joined) == WHOLE


def test_a_member_is_found_in_whatever_part_it_is() -> None:
    joined = Joined(PARTS)

    assert joined["cid"] is False
    assert "bob" in joined
    assert joined.get("dan") is None
    with pytest.raises(KeyError, match="dan"):
        joined["dan"]


def test_its_keys_are_a_set() -> None:
    assert Joined(PARTS).keys() - {"ann"} == {"bob", "cid"}
