"""The command line as a person meets it: a child process, its exit code, its lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
import yaml

from daemon.config.document import merge
from tests.support.configs import nested, smallest
from tests.support.processes import free_port

COMMANDS = (
    *("run", "check", "plan", "init", "top", "demo", "simulator"),
    *("offsets", "dlq", "schema"),
)
LAST_WORDS = (("offsets", "reset"), ("dlq", "list"), ("dlq", "show"), ("dlq", "replay"))
USAGE = 2


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said where."""

    code: int
    out: str
    errors: list[str]


def cohortd(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Said:
    """Run the command to its end; whatever it says, no traceback and no secret is in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COHORTD_")}
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**kept, "NO_COLOR": "1", "COLUMNS": "200", **(env or {})},
    )
    assert "Traceback" not in done.stdout + done.stderr
    assert "canary" not in done.stdout + done.stderr
    return Said(done.returncode, done.stdout, done.stderr.splitlines())


def written(folder: Path, changes: Mapping[str, object] | None = None) -> Path:
    """Write the smallest good configuration with these changes."""
    document = smallest(folder)
    for path, value in (changes or {}).items():
        document = merge(document, nested(path, value))
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_good_configuration_is_printed_and_ends_with_0(tmp_path: Path) -> None:
    said = cohortd("check", "-c", written(tmp_path))

    assert said.code == 0
    assert said.errors == []
    assert said.out.splitlines()[-1] == "configuration: valid"
    assert yaml.safe_load(said.out.replace("configuration: valid", ""))["start"] == "earliest"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"delivery.reqests_per_hour": 5}, "unknown key; did you mean delivery.requests_per_hour?"),
        ({"kafka.group_idd": "canary"}, "kafka.group_idd: unknown key; did you mean"),
        ({"braze.data_import_keyy": "canary-x"}, "braze.data_import_keyy: unknown key"),
        ({"window.max_changes": "many"}, "window.max_changes: must be a whole number"),
        ({"kafka.properties": {"bootstrap.servers": "x"}}, "kafka.properties.bootstrap.servers"),
        ({"start": None}, "start: is missing; earliest, latest or a time"),
        ({"braze.partner_api_key_file": "/no/such/file"}, "the file can't be read: No such file"),
        ({"kafka.properties": {"sasl.passwrd": "canary"}}, "sasl.passwrd"),
    ],
    ids=["misspelt", "misspelt-id", "misspelt-key", "type", "refused", "missing", "file", "java"],
)
def test_one_wrong_setting_is_one_line_that_says_where_and_what_to_do(
    changes: dict[str, object], says: str, tmp_path: Path
) -> None:
    said = cohortd("check", "-c", written(tmp_path, changes))

    assert said.code == USAGE
    assert said.out == ""
    (line,) = said.errors
    assert line.startswith("cohortd: ")
    assert says in line


@pytest.mark.parametrize("command", ["check", "run"])
def test_all_problems_are_said_at_once(command: str, tmp_path: Path) -> None:
    changes = {"window.max_age": 5, "delivery.reserve": "canary", "admin.prot": 1}

    said = cohortd(command, "-c", written(tmp_path, changes))

    assert said.code == USAGE
    assert [line.split(": ")[1] for line in said.errors] == [
        "window.max_age",
        "delivery.reserve",
        "admin.prot",
    ]


def test_an_unknown_variable_of_the_environment_names_the_nearest(tmp_path: Path) -> None:
    unknown = {"COHORTD_KAFKA__BOOTSTRAP_SERVER": "canary:9092"}

    said = cohortd("check", "-c", written(tmp_path), env=unknown)

    assert said.code == USAGE
    (line,) = said.errors
    assert "COHORTD_KAFKA__BOOTSTRAP_SERVER" in line
    assert "COHORTD_KAFKA__BOOTSTRAP_SERVERS" in line


def test_a_bad_value_of_the_environment_names_the_variable(tmp_path: Path) -> None:
    said = cohortd("check", "-c", written(tmp_path), env={"COHORTD_ADMIN__PORT": "canary"})

    assert said.code == USAGE
    (line,) = said.errors
    assert "admin.port (COHORTD_ADMIN__PORT)" in line


def test_what_kubernetes_makes_for_a_service_of_that_name_is_let_pass(tmp_path: Path) -> None:
    links = {"COHORTD_PORT": "tcp://10.0.0.1:8080", "COHORTD_SERVICE_HOST": "10.0.0.1"}

    said = cohortd("check", "-c", written(tmp_path), env=links)

    assert said.code == 0


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_file_that_is_not_there_is_one_line(command: str, tmp_path: Path) -> None:
    said = cohortd(command, "-c", tmp_path / "none.yaml")

    assert said.code == USAGE
    (line,) = said.errors
    assert line.endswith("none.yaml: can't be read: No such file or directory")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kafka: {group_id: canary\nbraze: [", "config.yaml:2:"),
        ("kafka:\n\tgroup_id: canary\n", "config.yaml:2:1: is not YAML"),
        ("- canary\n", "is not a mapping of sections"),
        ("start: earliest\nstart: latest\n", "config.yaml:2:1: the key start stands twice"),
        ("\x00canary", "is not YAML"),
    ],
    ids=["unclosed", "tab", "list", "twice", "binary"],
)
def test_a_file_that_is_no_configuration_says_the_line(
    text: str, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)

    said = cohortd("check", "-c", file)

    assert said.code == USAGE
    assert says in said.errors[0]
    assert all(line.startswith("cohortd: ") for line in said.errors)


def test_online_an_absent_world_is_two_problems_and_ends_with_1(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    changes: dict[str, object] = {
        "kafka.bootstrap_servers": nobody,
        "braze.cluster": None,
        "braze.endpoint": f"http://{nobody}",
    }

    said = cohortd("check", "--online", "-c", written(tmp_path, changes))

    assert said.code == 1
    assert said.errors == []
    assert "  problem  kafka.bootstrap_servers: " in said.out
    assert "  problem  braze.endpoint: " in said.out
    assert said.out.splitlines()[-1] == "check: 2 problems, no warning"


def test_a_name_the_terminal_has_no_letters_for_is_escaped(tmp_path: Path) -> None:
    named = {"cohorts.overrides": {"vip": {"name": "Größe"}}}

    said = cohortd("check", "-c", written(tmp_path, named), env={"PYTHONIOENCODING": "ascii"})

    assert said.code == 0
    assert "name: Gr\\xf6\\xdfe" in said.out


def test_the_version_names_all_that_matters() -> None:
    said = cohortd("--version")

    assert said.code == 0
    assert said.out.startswith("cohortd ")
    assert all(word in said.out for word in ("contract ", "Python 3.", "librdkafka "))


@pytest.mark.parametrize(
    "arguments", [(), *((command,) for command in COMMANDS), *LAST_WORDS], ids=str
)
def test_every_command_has_help(arguments: Sequence[str]) -> None:
    said = cohortd(*arguments, "--help")

    assert said.code == 0
    assert said.errors == []
    assert said.out.lstrip().startswith("Usage: ")
    assert "<list[" not in said.out  # What is meant, in place of a type of Python's.
    if not arguments:
        assert all(command in said.out for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "--onlin"), "--onlin"),
        (("chek",), "chek"),
        (("run",), "--config"),
        (("dlq", "list"), "--config"),
        (("offsets", "show"), "--config"),
        (("--frobnicate",), "--frobnicate"),
        (("simulator", "--port", "many"), "--port"),
        (("simulator", "--port", "65536"), "--port"),
        (("demo", "--seconds", "1"), "--seconds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_use_is_said_and_ends_with_2(arguments: Sequence[str], says: str) -> None:
    said = cohortd(*arguments)

    assert said.code == USAGE
    assert says in " ".join(said.errors)


def test_the_simulator_says_what_is_wrong_with_its_options(tmp_path: Path) -> None:
    fault = cohortd("simulator", "--port", "0", "--fault", "frobnicate")
    missing = cohortd("simulator", "--port", "0", "--users", tmp_path / "none")

    assert (fault.code, missing.code) == (USAGE, USAGE)
    assert len(fault.errors) == len(missing.errors) == 1
    assert "frobnicate" in fault.errors[0]
    assert "none" in missing.errors[0]


@pytest.mark.parametrize("arguments", [("schema", "list"), ("--help",), ("--version",)], ids=str)
def test_an_output_that_is_full_or_that_nobody_reads_ends_it_with_1(
    arguments: Sequence[str],
) -> None:
    with Path("/dev/full").open("wb") as full:
        to_full = _ended(arguments, full)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        to_nobody = _ended(arguments, pipe)

    assert to_full.code == to_nobody.code == 1
    [line] = to_full.errors
    assert line.startswith("cohortd: OSError: [Errno 28] No space left on device; ")
    assert to_nobody.errors == []


def _ended(arguments: Sequence[str], out: IO[bytes]) -> Said:
    command = [sys.executable, "-m", "daemon", *arguments]
    done = subprocess.run(
        command, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return Said(done.returncode, "", done.stderr.splitlines())
