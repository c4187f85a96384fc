from __future__ import annotations

import copy
import json
import pickle

import pytest

from daemon.braze.body import (
    BODY_BYTES_MAX,
    NO_CHANGES,
    cohort_body,
    encode_update,
    ids_of,
    users_body,
)
from daemon.braze.credentials import Credentials
from daemon.core.model import Alias, CohortUpdate, Device, Member
from daemon.core.plan import MEMBERS_BYTES_MAX, member_bytes_max

KEYS = Credentials("partner-key-canary", "client-secret-canary")


def test_adds_and_removals_stand_in_separate_entries_in_their_order() -> None:
    update = CohortUpdate.of(
        "vip",
        {
            "u2": True,
            Device("d1"): False,
            "u1": True,
            Alias("a@example.com", "email"): True,
            "u3": False,
            Device("d2"): True,
        },
    )

    changes = json.loads(encode_update(update))

    assert changes == [
        {
            "user_ids": ["u2", "u1"],
            "aliases": [{"alias_name": "a@example.com", "alias_label": "email"}],
            "device_ids": ["d2"],
        },
        {"device_ids": ["d1"], "user_ids": ["u3"], "should_remove": True},
    ]


def test_only_what_is_there_is_said() -> None:
    assert encode_update(CohortUpdate.of("vip", {"u1": True})) == b'[{"user_ids":["u1"]}]'
    assert json.loads(encode_update(CohortUpdate.of("vip", {Device("d1"): False}))) == [
        {"device_ids": ["d1"], "should_remove": True}
    ]


def test_the_same_text_as_three_kinds_is_three_members() -> None:
    update = CohortUpdate.of("vip", {"x": True, Device("x"): True, Alias("x", "x"): True})

    assert json.loads(encode_update(update)) == [
        {
            "user_ids": ["x"],
            "device_ids": ["x"],
            "aliases": [{"alias_name": "x", "alias_label": "x"}],
        }
    ]


@pytest.mark.parametrize("count", [0, 1_001])
def test_an_update_has_one_to_a_thousand_ids(count: int) -> None:
    update = CohortUpdate.of("vip", {f"u{i}": True for i in range(count)})

    with pytest.raises(AssertionError):
        encode_update(update)


def test_a_thousand_ids_of_all_kinds_and_both_directions_fit() -> None:
    changes: dict[Member, bool] = {f"u{i}": i % 2 == 0 for i in range(500)}
    changes |= {Device(f"d{i}"): i % 2 == 0 for i in range(500)}

    adds, removals = json.loads(encode_update(CohortUpdate.of("vip", changes)))

    assert len(adds["user_ids"]) + len(adds["device_ids"]) == 500
    assert len(removals["user_ids"]) + len(removals["device_ids"]) == 500


def test_credentials_join_when_the_body_is_sent() -> None:
    encoded = encode_update(CohortUpdate.of("vip", {'ü"\n': True}))

    body = json.loads(users_body(KEYS, 'co"hort', encoded))

    assert b"canary" not in encoded
    assert body == {
        "partner_api_key": "partner-key-canary",
        "client_secret": "client-secret-canary",
        "cohort_id": 'co"hort',
        "cohort_changes": [{"user_ids": ['ü"\n']}],
    }


def test_a_probe_lists_no_changes() -> None:
    assert json.loads(users_body(KEYS, "x", NO_CHANGES))["cohort_changes"] == []


def test_the_cohort_body_is_the_documented_one() -> None:
    assert json.loads(cohort_body(KEYS, "vip", "VIP customers", "2026-01-02T03:04:05Z")) == {
        "partner_api_key": "partner-key-canary",
        "client_secret": "client-secret-canary",
        "cohort_id": "vip",
        "name": "VIP customers",
        "created_at": "2026-01-02T03:04:05Z",
    }


@pytest.mark.parametrize(("cohort", "name"), [("", "n"), ("c", "")])
def test_a_cohort_without_id_or_name_is_our_bug(cohort: str, name: str) -> None:
    with pytest.raises(AssertionError):
        cohort_body(KEYS, cohort, name, "2026-01-02T03:04:05Z")


@pytest.mark.parametrize(
    "text", ["", "plain", 'quo"te\\', "\x00\x01\n\t\x7f", "Ünïcödé", "👩‍👩‍👧", "\u2028"]
)
def test_the_bound_of_a_member_never_says_too_few(text: str) -> None:
    members: list[Member] = [text, text + "2", Device(text), Alias(text, text), Alias(text, "l")]

    for members_now in (members, members * 2):
        changes: dict[Member, bool] = {
            m if isinstance(m, Device | Alias) else f"{m}{i}": i % 2 == 0
            for i, m in enumerate(members_now)
        }
        keys_and_brackets = 200
        bound = sum(map(member_bytes_max, changes)) + keys_and_brackets
        assert len(encode_update(CohortUpdate.of("vip", changes))) <= bound


def test_a_plan_within_the_members_share_fits_whatever_the_rest() -> None:
    count = 170
    longest = (MEMBERS_BYTES_MAX // count - 60) // 6  # Each control character becomes six bytes.
    changes: dict[Member, bool] = {f"{i}" + "\x01" * longest: True for i in range(count)}
    assert sum(map(member_bytes_max, changes)) <= MEMBERS_BYTES_MAX

    keys = Credentials("\x01" * 512, "\x01" * 512)
    body = users_body(keys, "\x01" * 512, encode_update(CohortUpdate.of("vip", changes)))

    assert len(body) <= BODY_BYTES_MAX


def test_a_body_beyond_a_mebibyte_is_our_bug() -> None:
    encoded = encode_update(CohortUpdate.of("vip", {"x" * BODY_BYTES_MAX: True}))

    with pytest.raises(AssertionError):
        users_body(KEYS, "vip", encoded)


def test_ids_of_names_every_member_and_no_label() -> None:
    update = CohortUpdate.of("vip", {"u": True, Device("d"): True, Alias("name", "label"): False})

    assert ids_of(update) == {"u", "d", "name"}


def test_credentials_never_show_themselves() -> None:
    shown = f"{KEYS} {KEYS!r} {KEYS!s} {[KEYS]}"

    assert "canary" not in shown
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(KEYS)
    with pytest.raises(TypeError, match="never pickled"):
        copy.copy(KEYS)
