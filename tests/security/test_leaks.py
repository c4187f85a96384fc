"""What a crash, a bug or a variable of the environment makes the daemon leave behind: nothing."""

from __future__ import annotations

import os
import resource
import signal
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.configs import IMPORT_KEY, PARTNER_KEY
from tests.support.stage import add

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stage import Stage

MEMBER = "canary-member-4711"


@pytest.fixture
def cores_wanted() -> Iterator[None]:
    """Let children of this process leave core files as large as the machine allows."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("cores_wanted")
@pytest.mark.parametrize("fatal", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_leaves_no_core_file_and_no_stack(stage: Stage, fatal: signal.Signals) -> None:
    place = stage.folder / "place"
    place.mkdir()
    daemon = stage.start(environ={"PYTHONFAULTHANDLER": "1"}, cwd=place)
    stage.produce(add("vip", MEMBER))
    stage.wait_members(vip={MEMBER})

    limits = resource.prlimit(daemon.pid, resource.RLIMIT_CORE)
    daemon.signal(fatal)

    assert daemon.wait() == -fatal
    assert limits == (0, 0)
    assert list(place.iterdir()) == []
    assert "Fatal Python error" not in daemon.output()
    daemon.log_lines()  # Nothing but lines of ours.


def test_a_bug_with_secrets_in_its_hands_shows_none_of_them(stage: Stage) -> None:
    daemon = stage.start({"log.level": "debug"}, module="tests.security.failing")
    stage.produce(add("vip", MEMBER))

    assert daemon.wait() == 1

    [crash] = daemon.log_lines("daemon_crashed")
    assert crash["error_type"] == "RuntimeError"
    assert crash["trace"]
    for secret in (PARTNER_KEY, IMPORT_KEY, MEMBER):
        assert secret not in daemon.output()


def test_no_variable_of_the_environment_makes_tls_write_its_keys(
    stage: Stage, tmp_path: Path
) -> None:
    keys = tmp_path / "tls.keys"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLKEYLOGFILE", str(keys))
        assert ssl.create_default_context().keylog_filename  # So it is where nobody sees to it.
    keys.unlink()

    # TLS to where nobody speaks it: the context is made all the same.
    daemon = stage.start(
        {"braze.endpoint": stage.simulator.url.replace("http:", "https:")},
        environ={"SSLKEYLOGFILE": str(keys)},
    )
    stage.produce(add("vip", "u1"))
    daemon.wait_for_reason("tls")

    assert not keys.exists()
    assert daemon.terminate() == 0
    assert os.environ.get("SSLKEYLOGFILE") != str(keys)
