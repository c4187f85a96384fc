"""What the images of docker-compose.yml do with a service's command and environment.

Each function follows an image's entry point, with the same program at the same version from where
the tests have it; PostgreSQL and Prometheus are those of this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.compose import Start
from tests.support.debezium import postgres_programs, postgres_user
from tests.support.java import JVM_OPTIONS, jars, java, write_logging
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.compose import Service

_NOT_SETTINGS = {"KAFKA_HEAP_OPTS"}
# The scripts of Kafka's distribution that are asked for; each runs one class.
_SCRIPTS = {
    "kafka-topics.sh": "org.apache.kafka.tools.TopicCommand",
    "kafka-broker-api-versions.sh": "org.apache.kafka.tools.BrokerApiVersionsCommand",
}


def programs(folder: Path) -> dict[str, str]:
    """Return where the programs are that the file names by their places inside of images."""
    folder.mkdir()
    for name, main in _SCRIPTS.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(java(main))} "$@"\n')
        script.chmod(0o755)
    return {"/opt/kafka/bin": str(folder), "/opt/cohortd/bin/python": sys.executable}


def _properties(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the properties that an image reads from variables: underscores become dots."""
    return {
        name.removeprefix(prefix).lower().replace("_", "."): value
        for name, value in environ.items()
        if name.startswith(prefix) and name not in _NOT_SETTINGS
    }


def _written(file: Path, properties: Mapping[str, str]) -> Path:
    file.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    return file


def kafka(service: Service) -> Start:
    """`apache/kafka`: KAFKA_… are the properties; the log is formatted, and the broker started."""
    properties = {"log.dirs": str(service.folder / "data")}
    properties |= _properties(service.environ, "KAFKA_")
    file = _written(service.folder / "server.properties", properties)
    cluster = "5L6g3nShT-eMCtK--X86sw"
    argv = java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", file)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return Start(java("kafka.Kafka", file, logging=write_logging(service.folder)))


def registry(service: Service) -> Start:
    """`apicurio/apicurio-registry`: Quarkus reads the environment by itself."""
    home = os.environ.get("JAVA_HOME")
    [jar] = jars("registry.pom.xml").glob("*-runner.jar")
    place = {"QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(service.port(8080))}
    return Start([f"{home}/bin/java" if home else "java", *JVM_OPTIONS, "-jar", str(jar)], place)


def postgres(service: Service) -> Start:
    """`postgres`: a database of one superuser with a password, then the mounted SQL, once."""
    environ, user, bin_ = service.environ, postgres_user(), postgres_programs()
    name, password = environ["POSTGRES_USER"], environ["POSTGRES_PASSWORD"]
    database, port = environ["POSTGRES_DB"], str(service.port(5432))
    secret = service.folder / "password"
    secret.write_text(password)
    if user:
        shutil.chown(service.folder, user)
    data = service.folder / "data"
    make = ["initdb", "-D", str(data), "-A", "scram-sha-256", "-U", name, "--pwfile", str(secret)]
    subprocess.run(
        [bin_ / make[0], *make[1:], "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
        check=True, user=user, cwd="/", capture_output=True,
    )  # fmt: skip

    def prepare() -> None:
        """Make the database and run the files: the image does it before it opens its port."""
        url = f"postgresql://{name}:{password}@127.0.0.1:{port}"
        ready = [bin_ / "pg_isready", "--quiet", "--timeout=60", f"--dbname={url}/postgres"]
        _until_it_answers([str(word) for word in ready])
        _psql(f"{url}/postgres", "--command", f'CREATE DATABASE "{database}"')
        for target, file in sorted(service.mounts.items()):
            assert target.startswith("/docker-entrypoint-initdb.d/")
            _psql(f"{url}/{database}", "--single-transaction", "--file", str(file))

    program, *flags = service.command
    place = ["-D", str(data), "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
    return Start([str(bin_ / program), *flags, *place], {}, user, prepare, signal.SIGINT)


def _until_it_answers(argv: list[str]) -> None:
    wait_until(
        "PostgreSQL answers",
        lambda: subprocess.run(argv, check=False, timeout=90).returncode == 0,
        60.0,
    )


def _psql(url: str, *words: str) -> None:
    argv = [str(postgres_programs() / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url, *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


# What `debezium/connect` reads under names of its own.
_OF_THE_WORKER = {
    "BOOTSTRAP_SERVERS": "bootstrap.servers",
    "GROUP_ID": "group.id",
    "CONFIG_STORAGE_TOPIC": "config.storage.topic",
    "OFFSET_STORAGE_TOPIC": "offset.storage.topic",
    "STATUS_STORAGE_TOPIC": "status.storage.topic",
    "OFFSET_FLUSH_INTERVAL_MS": "offset.flush.interval.ms",
}
_KNOWN = {*_OF_THE_WORKER, "ENABLE_APICURIO_CONVERTERS", "HEAP_OPTS"}


def connect(service: Service) -> Start:
    """`debezium/connect`: a distributed worker, with Debezium and the converters as a plugin."""
    environ = service.environ
    assert {name for name in environ if not name.startswith("CONNECT_")} <= _KNOWN
    plugins = service.folder / "plugins"
    plugins.mkdir()
    assert environ["ENABLE_APICURIO_CONVERTERS"] == "true"
    (plugins / "debezium-connector-postgres").symlink_to(jars("connect.pom.xml"))
    json_converter = "org.apache.kafka.connect.json.JsonConverter"
    properties = {"key.converter": json_converter, "value.converter": json_converter}
    properties |= {"plugin.path": str(plugins)}
    properties |= {_OF_THE_WORKER[name]: environ[name] for name in _OF_THE_WORKER}
    properties |= _properties(environ, "CONNECT_")
    file = _written(service.folder / "connect-distributed.properties", properties)
    logging = write_logging(service.folder)
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    return Start(java(main, file, logging=logging))


def cohortd(service: Service) -> Start:
    """The image of cohortd: its entry point is `cohortd`. The admin server gets a port of ours."""
    place: dict[str, str] = {}
    if service.command[0] == "run":
        place = {
            "COHORTD_ADMIN__HOST": "127.0.0.1",
            "COHORTD_ADMIN__PORT": str(service.port(8080)),
        }
    told = {**service.environ, **place}
    foreign = [name for name in os.environ if name.startswith("COHORTD_") and name not in told]
    unset = [f"--unset={name}" for name in foreign]  # A container has nothing of ours.
    return Start(["env", *unset, sys.executable, "-m", "daemon", *service.command], place)


def prometheus(service: Service) -> Start:
    """`prom/prometheus`: its default command, since the file has none; files at other places."""
    assert not service.command
    config = service.mounts["/etc/prometheus/prometheus.yml"]
    return Start(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={service.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{service.port(9090)}",
        ]
    )


def place_the_database(connector: Path, port: int) -> None:
    """Put the database's place into a connector's configuration, which names no address."""
    text = connector.read_text()
    for name, old, new in (("hostname", "postgres", "127.0.0.1"), ("port", "5432", str(port))):
        text, count = re.subn(rf'("database\.{name}": ")({old})"', rf'\g<1>{new}"', text)
        assert count == 1
    connector.write_text(text)
