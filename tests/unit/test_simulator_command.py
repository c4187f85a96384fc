from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from daemon.core.model import Alias, Device
from daemon.errors import SettingsError
from daemon.tools.simulator import SimulatorOptions, run
from daemon.tools.simulator.command import read_settings

PROGRAM = (
    "import sys; from daemon.tools.simulator import *;"
    "sys.exit(run(SimulatorOptions(port=0, faults=('hang,endpoint=users',))))"
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_a_signal_ends_it_with_zero(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = line.split()[-1]
            with httpx.Client(base_url=url, trust_env=False) as http:
                ready = http.get("/_sim/ready")
                with pytest.raises(httpx.ReadTimeout):
                    http.post("/partners/a/cohorts/users", json={}, timeout=0.05)
                process.send_signal(number)
                rest, errors = process.communicate(timeout=20)
        finally:
            process.kill()

    assert line.startswith("Braze simulator ready at http://127.0.0.1:")
    assert ready.status_code == 200
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_port_in_use_is_one_readable_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = run(SimulatorOptions(port=taken.getsockname()[1]))

    errors = capsys.readouterr().err
    assert code == 1
    assert "can't listen there" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SimulatorOptions(faults=("hangs",)), "hangs is not known; did you mean hang?"),
        (SimulatorOptions(users_file=Path("/nowhere/users")), "--users: can't read"),
        (SimulatorOptions(client_secret_file=Path("/nowhere")), "--client-secret-file: can't read"),
        (SimulatorOptions(partner_api_key_file=Path("/dev/null")), "holds no key"),
    ],
)
def test_a_wrong_option_is_one_readable_line(
    capsys: pytest.CaptureFixture[str], options: SimulatorOptions, said: str
) -> None:
    code = run(options)

    errors = capsys.readouterr().err
    assert code == 2
    assert said in errors
    assert errors.count("\n") == 1


def test_files_name_keys_and_users(tmp_path: Path) -> None:
    keys, users = tmp_path / "keys", tmp_path / "users"
    keys.write_text("old\n\nnew\n")
    users.write_text(
        'u1\n\n{"device_ids": ["d1"], "aliases": [{"alias_name": "a", "alias_label": "email"}]}\n'
    )

    settings = read_settings(
        SimulatorOptions(client_secret_file=keys, partner_api_key_file=keys, users_file=users)
    )

    assert settings.client_secrets == settings.partner_api_keys == ("old", "new")
    assert settings.users == {"u1", Device("d1"), Alias("a", "email")}
    assert "old" not in repr(settings)


def test_a_line_that_names_no_user_is_shown_by_its_number(tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text('u1\n{"user_id": "u2"}\n')

    with pytest.raises(SettingsError, match=r"line 2 of .* names no users"):
        read_settings(SimulatorOptions(users_file=users))
