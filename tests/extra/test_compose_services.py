"""The services of docker-compose.yml, each run for real, and the members that arrive at Braze.

Not tried here, since it needs a container engine or an image: that the images exist, and have the
programs which the health checks and the one-shot services call; names and ports inside the
container network; read-only file systems and dropped rights (`test_image.py` has those of cohortd);
Grafana. PostgreSQL and Prometheus are this machine's and not the versions named in the file, Kafka
Connect is 4.3.1 where Debezium's image has 4.2.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from tests.support import compose_images as images
from tests.support.compose import Stack
from tests.support.debezium import PostgresError, postgres_programs
from tests.support.java import JavaError, jars
from tests.support.processes import wait_until
from tests.support.tools import tool
from tests.support.topics import TIMEOUT_S, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

_IMAGES = {
    "kafka": images.kafka,
    "registry": images.registry,
    "postgres": images.postgres,
    "connect": images.connect,
    "simulator": images.cohortd,
    "cohortd": images.cohortd,
    "prometheus": images.prometheus,
}
_NOT_TO_BE_HAD = {"grafana"}
_ROWS = {"loyalty-gold", "loyalty-silver"}

# Straight to this machine, whatever proxy the environment names.
_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def stack(server_folder: Path) -> Iterator[Stack]:
    tool("compose")
    missing = [name for name in ("curl", "wget", "psql", "prometheus") if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed: {missing}")
    folder = server_folder / "compose"
    folder.mkdir(mode=0o755)
    try:
        for pom in ("pom.xml", "registry.pom.xml", "connect.pom.xml"):
            jars(pom)
        programs = images.programs(folder / "bin")
        postgres_programs()
    except (JavaError, PostgresError) as why:
        pytest.skip(str(why))
    with Stack(folder, _IMAGES, programs) as stack:
        connector = stack.services["connector"].mounts["/etc/connector.json"]
        images.place_the_database(connector, stack.ports["postgres", 5432])
        for name in stack.services:
            if name not in _NOT_TO_BE_HAD:
                stack.up(name)
        yield stack


def _json(stack: Stack, name: str, port: int, path: str) -> Any:  # noqa: ANN401 - it is JSON
    with _http.open(f"http://127.0.0.1:{stack.ports[name, port]}{path}", timeout=10) as answer:
        return json.load(answer)


def _at_braze(stack: Stack) -> dict[str, set[str]]:
    cohorts = _json(stack, "simulator", 8090, "/_sim/cohorts")["cohorts"]
    return {name: set(cohort["members"]["user_ids"]) for name, cohort in cohorts.items()}


def _bootstrap(stack: Stack) -> str:
    return f"127.0.0.1:{stack.ports['kafka', 9092]}"


def _records(stack: Stack, topic: str) -> list[bytes | None]:
    """Return the values of a whole topic."""
    consumer = Consumer({"bootstrap.servers": _bootstrap(stack), "group.id": unique("reader")})
    try:
        partitions = consumer.list_topics(topic, TIMEOUT_S).topics[topic].partitions
        places = [TopicPartition(topic, number, 0) for number in partitions]
        count = sum(consumer.get_watermark_offsets(place, TIMEOUT_S)[1] for place in places)
        consumer.assign(places)
        values: list[bytes | None] = []
        while len(values) < count:
            record = consumer.poll(TIMEOUT_S)
            assert record is not None
            assert record.error() is None
            values.append(record.value())
        return values
    finally:
        consumer.close()


def _rows(stack: Stack) -> dict[str, set[str]]:
    """Return the memberships that the table says, read as the connector's user may."""
    url = f"postgresql://debezium:debezium-password@127.0.0.1:{stack.ports['postgres', 5432]}/shop"
    query = "SELECT cohort_id, user_id FROM cohort_membership WHERE status = 'active'"
    argv = ["psql", "-X", "-A", "-t", url, "--command", query]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    found: dict[str, set[str]] = {cohort: set() for cohort in _ROWS}
    for line in done.stdout.splitlines():
        cohort, user = line.split("|")
        found[cohort].add(user)
    return found


def _events(stack: Stack) -> dict[str, set[str]]:
    """Return the memberships that the native events come to."""
    found: dict[str, set[str]] = {}
    for value in _records(stack, "cohort.membership"):
        assert value is not None
        event = json.loads(value)
        members = found.setdefault(event["cohort_id"], set())
        (members.add if event["op"] == "add" else members.discard)(event["external_id"])
    return found


@pytest.mark.parametrize("name", ["kafka", "registry", "postgres", "connect", "cohortd"])
def test_a_service_is_healthy_by_its_own_check(stack: Stack, name: str) -> None:
    stack.wait_healthy(name)


def test_prometheus_finds_the_daemon_and_takes_the_rules(stack: Stack) -> None:
    stack.wait_healthy("prometheus")

    def health() -> list[str]:
        found = _json(stack, "prometheus", 9090, "/api/v1/targets")["data"]["activeTargets"]
        return [target["health"] for target in found]

    wait_until("the daemon is scraped", lambda: health() == ["up"])
    groups = _json(stack, "prometheus", 9090, "/api/v1/rules")["data"]["groups"]
    assert sum(len(group["rules"]) for group in groups) > 10


def test_promtool_takes_the_configuration_with_the_files_it_names(stack: Stack) -> None:
    config = stack.services["prometheus"].mounts["/etc/prometheus/prometheus.yml"]

    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def _connector_runs(stack: Stack) -> bool:
    status = _json(stack, "connect", 8083, "/connectors/cohort-membership/status")
    states = {task["state"]: task.get("trace") for task in status["tasks"]}
    assert "FAILED" not in states, states["FAILED"]
    return status["connector"]["state"] == "RUNNING" and states.keys() == {"RUNNING"}


def test_the_connector_runs_and_may_be_registered_again(stack: Stack) -> None:
    wait_until("the connector runs", lambda: _connector_runs(stack))
    connector = stack.services["connector"]

    again = subprocess.run(
        [*connector.entrypoint, *connector.command], capture_output=True, text=True, check=False
    )

    assert again.returncode == 0, again.stdout
    wait_until("the connector runs again", lambda: _connector_runs(stack))


def test_braze_has_what_both_inputs_say_while_they_change_and_when_they_stop(
    stack: Stack,
) -> None:
    table = "shop.public.cohort_membership"
    wait_until("members of both", lambda: len(_at_braze(stack)) == len(_ROWS) + 4, 120.0)
    snapshot = len(_records(stack, table))
    wait_until("the table changes", lambda: len(_records(stack, table)) > snapshot + 20)

    stack.stop("producer")
    stack.stop("application")
    events = _events(stack)

    # The shell of the application has ended; a statement of its last turn may still be at work.
    wait_until("Braze has it all", lambda: _at_braze(stack) == {**_rows(stack), **events}, 60.0)
    assert all(_rows(stack).values())
    assert all(events.values())
    assert _records(stack, "cohort.membership.dlq") == []
    values = [value for value in _records(stack, table) if value is not None]
    assert {value[:1] for value in values} == {b"\0"}  # Framed as Confluent's Avro is.


def test_the_daemon_ends_in_order(stack: Stack) -> None:
    assert stack.stop("cohortd") == 0
