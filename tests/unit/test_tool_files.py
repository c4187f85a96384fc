"""Files and folders that commands write: where that can't be, one line says so."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from daemon.errors import CohortdError
from daemon.tools.demo.picture import save_picture
from daemon.tools.folder import temporary_folder

if TYPE_CHECKING:
    from pathlib import Path


def test_a_temporary_folder_is_there_while_it_is_needed() -> None:
    with temporary_folder("cohortd-test-") as folder:
        (folder / "file").write_text("x")

    assert not folder.exists()


def test_where_no_temporary_folder_can_be_made_a_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))

    with pytest.raises(CohortdError, match=r"^no temporary folder .+: No such file .+ TMPDIR=…$"):
        temporary_folder("cohortd-test-").__enter__()


def test_a_picture_that_can_not_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "none" / "demo.svg"

    with pytest.raises(CohortdError) as caught:
        save_picture(place, "cohortd demo", lambda _: None)

    assert (
        str(caught.value) == f"{place}: can't be written: Not a directory; name a file that can be"
    )
