from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from daemon.config.secrets import MASK, SECRET_BYTES_MAX, Secret

CANARY = "canary-5e5c"


class _Holder(BaseModel):
    secret: Secret


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{CANARY}\n")
    return path


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY):>20}",
        f"{Secret(CANARY)!r}",
        "%s" % Secret(CANARY),  # noqa: UP031 - It is one of the ways to show it.
        repr([Secret(CANARY)]),
        repr(_Holder(secret=Secret(CANARY))),
        _Holder(secret=Secret(CANARY)).model_dump_json(),
        str(_Holder(secret=Secret(CANARY)).model_dump()),
        pickle.dumps(Secret(CANARY)).decode("latin-1"),
        json.dumps(Secret(CANARY), default=str),
    ],
)
def test_no_way_of_showing_it_shows_it(shown: str) -> None:
    assert CANARY not in shown
    assert MASK in shown


def test_plain_json_refuses_it_without_showing_it() -> None:
    with pytest.raises(TypeError) as caught:
        json.dumps({"key": Secret(CANARY)})

    assert CANARY not in str(caught.value)


def test_an_unpickled_secret_has_only_the_mask() -> None:
    assert pickle.loads(pickle.dumps(Secret(CANARY))).reveal() == MASK


def test_a_copy_is_the_secret_itself_so_that_it_follows_the_file() -> None:
    secret = Secret(CANARY)

    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_it_has_no_attributes_to_dump() -> None:
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
def test_one_line_break_at_the_end_is_not_part_of_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content.encode())

    assert Secret.from_file(path).reveal() == CANARY


def test_refresh_tells_whether_the_content_changed(key_file: Path) -> None:
    secret = Secret.from_file(key_file)

    assert secret.refresh() is False

    key_file.write_text("another")
    assert secret.refresh() is True
    assert secret.reveal() == "another"
    assert secret.refresh() is False


def test_a_touched_file_with_the_same_content_is_no_change(key_file: Path) -> None:
    secret = Secret.from_file(key_file)

    key_file.write_text(CANARY)  # Without the line break.

    assert secret.refresh() is False


def test_a_symbolic_link_swapped_as_kubernetes_does_is_followed(tmp_path: Path) -> None:
    for name, value in (("old", CANARY), ("new", "rotated")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(value)
    link = tmp_path / "..data"
    link.symlink_to("old")
    secret = Secret.from_file(link / "key")

    swapped = tmp_path / "..tmp"
    swapped.symlink_to("new")
    swapped.replace(link)

    assert secret.refresh() is True
    assert secret.reveal() == "rotated"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"   ",
        b"half\x00",
        b"\xff\xfe",
        b"two\nlines",
        b" padded",
        b"x" * (SECRET_BYTES_MAX + 1),
    ],
)
def test_the_last_good_value_stays_while_the_file_is_unfit(key_file: Path, content: bytes) -> None:
    secret = Secret.from_file(key_file)

    key_file.write_bytes(content)

    assert secret.refresh() is False
    assert secret.reveal() == CANARY


def test_the_last_good_value_stays_while_the_file_is_gone(key_file: Path) -> None:
    secret = Secret.from_file(key_file)

    key_file.unlink()
    assert secret.refresh() is False
    assert secret.reveal() == CANARY

    key_file.write_text("back")
    assert secret.refresh() is True


def test_a_literal_never_changes() -> None:
    assert Secret(CANARY).refresh() is False


def test_a_pem_may_have_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "pem"
    path.write_text("-----BEGIN-----\nabc\n-----END-----\n")

    secret = Secret.from_file(path, text=True)

    assert secret.reveal() == "-----BEGIN-----\nabc\n-----END-----"


@pytest.mark.parametrize("name", ["absent", ".", "nul\0"])
def test_a_file_that_cannot_be_read_is_told_without_its_content(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        Secret.from_file(tmp_path / name)
