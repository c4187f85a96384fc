"""Real change data capture: PostgreSQL, and Kafka Connect with Debezium's connector for it."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.java import jars, java, write_logging
from tests.support.processes import Child, free_port, wait_until
from tests.support.started import Started
from tests.support.topics import unique

_POSTGRES = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
fsync = off
"""

_WORKER = """\
bootstrap.servers={bootstrap}
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
offset.storage.file.filename={folder}/offsets.dat
offset.flush.interval.ms=500
plugin.path={plugins}
plugin.discovery=service_load
listeners=http://127.0.0.1:{port}
topic.creation.enable=true
"""


class PostgresError(Exception):
    """There is no PostgreSQL server here; its text says what to install."""


def postgres_programs() -> Path:
    """Return the folder of the newest PostgreSQL, where Debian or the PATH has one."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(versions, key=lambda path: int(re.sub(r"\D", "", path.parts[-3]) or 0))
    if newest:
        return newest[-1].parent
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    raise PostgresError("`initdb` was not found (install PostgreSQL's server)")


def postgres_user() -> str | None:
    """PostgreSQL refuses to run as root: return whom to run it as, None for ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Postgres:
    """One database server with logical decoding, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._programs = postgres_programs()
        self._user = postgres_user()
        self.port = free_port()
        folder.mkdir(parents=True)
        if self._user:
            shutil.chown(folder, self._user)
        self._data = folder / "data"
        self._log = folder.parent / "postgres.log"
        self._child: Child | None = None
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "--no-sync",
                  "-E", "UTF8", "--locale=C.UTF-8")  # fmt: skip
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(_POSTGRES.format(port=self.port))

    def _run(self, program: str, *arguments: str | Path) -> None:
        argv = [str(self._programs / program), *(str(part) for part in arguments)]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, user=self._user, cwd="/", timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def sql(self, text: str) -> str:
        """Run statements, each committed by itself; return the rows, columns apart by `|`."""
        argv = [str(self._programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]  # fmt: skip
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, check=False, cwd="/", timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        argv: list[str | Path] = [self._programs / "postgres", "-D", self._data]
        self._child = Child(argv, self._log, user=self._user, cwd=Path("/"))
        self._child.wait_for_line("database system is ready to accept connections")

    def stop(self) -> None:
        if self._child is not None:
            self._child.signal(signal.SIGINT)  # Its "fast" stop, which waits for no session.
            self._child.stop()
            self._child = None


class ChangeCapture(Started):
    """PostgreSQL and a Connect worker; `capture` starts a connector for a table."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        folder.mkdir(parents=True)
        plugins = folder / "plugins"
        plugins.mkdir()
        (plugins / "debezium").symlink_to(jars("debezium.pom.xml"))
        jars("pom.xml")  # Missing jars are said here, before anything is started.
        self._folder = folder
        self.postgres = Postgres(folder / "postgres")
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        self._worker = folder / "worker.properties"
        self._worker.write_text(
            _WORKER.format(bootstrap=bootstrap, folder=folder, plugins=plugins, port=port)
        )
        self._child: Child | None = None

    def sql(self, text: str) -> str:
        return self.postgres.sql(text)

    def start(self) -> None:
        self.postgres.start()
        self.start_connect()

    def start_connect(self) -> None:
        argv = java(
            "org.apache.kafka.connect.cli.ConnectStandalone",
            self._worker,
            logging=write_logging(self._folder),
        )
        self._child = Child(argv, self._folder / "connect.log")
        self._child.wait_for_line("Kafka Connect started", 90.0)

    def kill_connect(self) -> None:
        """End the worker as a crash would: it writes again what it had not noted as written."""
        assert self._child is not None
        self._child.kill()
        self._child = None

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None
        self.postgres.stop()

    def capture(self, table: str, **overrides: str) -> str:
        """Start a connector for `public.<table>`; return its topic once changes are streamed.

        In `overrides` an underscore stands for a dot. Every connector has its own slot.
        """
        prefix = unique("whs").replace("-", "_")
        config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": "1",
            "database.hostname": "127.0.0.1",
            "database.port": str(self.postgres.port),
            "database.user": "postgres",
            "database.password": "unused",
            "database.dbname": "postgres",
            "topic.prefix": prefix,
            "plugin.name": "pgoutput",
            "slot.name": prefix,
            "publication.name": f"{prefix}_pub",
            "publication.autocreate.mode": "filtered",
            "table.include.list": f"public.{table}",
            "topic.creation.default.partitions": "4",
            "topic.creation.default.replication.factor": "1",
            **{name.replace("_", "."): value for name, value in overrides.items()},
        }
        self._request("PUT", f"/connectors/{prefix}/config", config)
        wait_until(f"connector {prefix} runs", lambda: self._running(prefix), 60.0)
        query = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{prefix}'"
        wait_until(f"slot {prefix} is read", lambda: self.sql(query) == "t", 60.0)
        return f"{prefix}.public.{table}"

    def remove(self, topic: str) -> None:
        """Stop the connector of a captured topic and let go of its slot."""
        prefix = topic.split(".", 1)[0]
        self._request("DELETE", f"/connectors/{prefix}")
        query = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{prefix}'"
        wait_until(f"slot {prefix} is free", lambda: self.sql(query) != "t", 60.0)
        self.sql(
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            f" WHERE slot_name = '{prefix}'; DROP PUBLICATION IF EXISTS {prefix}_pub"
        )

    def _running(self, name: str) -> bool:
        with contextlib.suppress(urllib.error.HTTPError):  # 404 until it is known.
            tasks = self._request("GET", f"/connectors/{name}/status").get("tasks", [])
            for task in tasks:
                assert task["state"] != "FAILED", task.get("trace")
            return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)
        return False

    def _request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - it is JSON
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            raise
        return json.loads(text) if text else {}
