"""What the daemon writes to the file system while it works, fails, and is restarted: nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.daemon import DaemonProcess
    from tests.support.stage import Stage


def _seen(*places: Path) -> dict[str, tuple[int, int, int]]:
    """Return kind and rights, size and time of the last change of everything below."""
    found = {}
    for place in places:
        for path in (place, *place.rglob("*")):
            what = path.lstat()
            found[str(path)] = (what.st_mode, what.st_size, what.st_mtime_ns)
    return found


def _open_for_writing(daemon: DaemonProcess) -> set[str]:
    """Return the regular files it could write to now, deleted ones too."""
    found = set()
    for entry in Path(f"/proc/{daemon.pid}/fd").iterdir():
        try:
            mode = entry.stat().st_mode
            flags = (entry.parent.parent / "fdinfo" / entry.name).read_text()
            name = str(entry.readlink())
        except FileNotFoundError:  # Closed meanwhile.
            continue
        access = int(flags.split("flags:")[1].split()[0], 8) & os.O_ACCMODE
        if stat.S_ISREG(mode) and access != os.O_RDONLY:
            found.add(name)
    return found


def test_nothing_is_written_but_the_log_to_its_output(stage: Stage, tmp_path: Path) -> None:
    places = {name: tmp_path / name for name in ("cwd", "home", "temporary", "cache")}
    for place in places.values():
        place.mkdir()
    environ = {
        "HOME": str(places["home"]),
        "TMPDIR": str(places["temporary"]),
        "XDG_CACHE_HOME": str(places["cache"]),
        "PYTHONDONTWRITEBYTECODE": "1",  # As the image has it.
    }
    stage.simulator.set_faults(
        "status=400,member=*refused*,message=no such user",
        "status=503,count=2,after=2",
        "status=429,count=1,after=5",
    )
    changes = {"log.level": "debug", "memory.max_pending_changes": 20_000}
    before, opened = _seen(*places.values()), set[str]()

    daemon = stage.start(changes, environ=environ, cwd=places["cwd"])
    stage.produce(b"broken", add("vip", "refused"), *(add("vip", f"u{n}") for n in range(3_000)))
    for number in range(20):  # Others are accepted, which convicts the one that is refused.
        stage.produce(add("other", f"o{number}"))
        stage.wait_members(other={f"o{n}" for n in range(number + 1)})
        opened |= _open_for_writing(daemon)
    stage.wait_members(vip={f"u{n}" for n in range(3_000)})
    daemon.kill()
    stage.produce(remove("vip", "u0"))
    successor = stage.start(changes, environ=environ, cwd=places["cwd"])
    stage.wait_members(vip={f"u{n}" for n in range(1, 3_000)})
    opened |= _open_for_writing(successor)

    assert successor.terminate() == 0
    assert _seen(*places.values()) == before
    assert {Path(name).suffix for name in opened} == {".log"}  # Its stdout, kept by the test.
    assert len(opened) == 2
