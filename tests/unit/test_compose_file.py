"""docker-compose.yml, read as it stands: it holds together, and it opens nothing to the network."""

from __future__ import annotations

import itertools
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[
    "services"
]
CONNECTOR: dict[str, str] = json.loads((ROOT / "deploy/compose/connector.json").read_text())
DAEMON: dict[str, Any] = yaml.safe_load((ROOT / "deploy/examples/compose.yaml").read_text())

each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_what_a_service_waits_for_is_there_and_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert SERVICES[other]["healthcheck"]["test"][0] == "CMD"
        elif how["condition"] == "service_completed_successfully":
            assert "restart" not in SERVICES[other], "one that starts again never completes"
        else:
            assert how["condition"] == "service_started"


@each_service
def test_every_mounted_file_is_there_and_is_read_only(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, target, mode = volume.split(":")

        assert source.startswith("./deploy/")
        assert (ROOT / source).is_file()
        assert target.startswith("/")
        assert mode == "ro"


@each_service
def test_every_image_has_a_version_and_one_from_elsewhere_can_be_given_another(name: str) -> None:
    repository, _, tag = SERVICES[name]["image"].partition(":")

    assert repository
    if "build" in SERVICES[name]:
        assert tag == "compose"
        assert (ROOT / SERVICES[name]["build"]["dockerfile"]).is_file()
    else:
        assert re.fullmatch(r"\$\{[A-Z]+_VERSION:-v?\d+\.\d+(\.\d+(\.Final)?)?\}", tag)


@each_service
def test_every_port_is_of_the_loopback_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_two_services_want_the_same_port() -> None:
    ports = [port.split(":")[1] for each in SERVICES.values() for port in each.get("ports", ())]

    assert len(set(ports)) == len(ports)


@each_service
def test_nothing_is_privileged_or_shares_anything_of_the_machine(name: str) -> None:
    sharing = {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode"}

    assert sharing.isdisjoint(SERVICES[name])


def test_every_host_that_is_named_is_a_service_and_listens_there() -> None:
    mounted = {
        volume.split(":")[0] for each in SERVICES.values() for volume in each.get("volumes", ())
    }
    configs = [(ROOT / path).read_text() for path in sorted(mounted) if path.endswith("ml")]
    text = "\n".join([yaml.safe_dump(SERVICES), *configs, *CONNECTOR.values()])

    named = {host for host, _ in re.findall(r"(?:://|@|bootstrap\S* )([a-z]+):(\d+)", text)}

    assert {"kafka", "registry", "postgres", "connect", "simulator"} <= named
    assert named <= {*SERVICES, "localhost"}


# --- what the files say to each other ------------------------------------------------------------


def test_every_topic_of_the_daemon_is_created() -> None:
    script = SERVICES["topics"]["command"][0]
    created = set(re.findall(r"^create (\S+)", script, re.MULTILINE))

    assert created == {
        *(each["topic"] for each in DAEMON["inputs"]),
        DAEMON["dead_letter"]["topic"],
    }


def test_the_connector_writes_the_topic_that_the_daemon_reads() -> None:
    topic = f"{CONNECTOR['topic.prefix']}.{CONNECTOR['table.include.list']}"

    [row] = [each for each in DAEMON["inputs"] if each["topic"] == topic]

    assert row["format"] == "debezium"
    assert row["encoding"] == "avro"
    assert SERVICES["connect"]["environment"]["ENABLE_APICURIO_CONVERTERS"] == "true"


def test_keys_and_values_are_converted_alike() -> None:
    of_key, of_value = (
        {name.removeprefix(kind): v for name, v in CONNECTOR.items() if name.startswith(kind)}
        for kind in ("key.", "value.")
    )

    assert of_key == of_value
    assert of_key["converter"] == "io.apicurio.registry.utils.converter.AvroConverter"


def test_the_two_inputs_have_no_cohort_in_common() -> None:
    of_the_producer = runpy.run_path(str(ROOT / "deploy/examples/produce.py"))["COHORTS"]
    table = (ROOT / "deploy/compose/postgres.sql").read_text()

    assert "'loyalty-gold', 'loyalty-silver'" in table
    assert [cohort for cohort in of_the_producer if f"'{cohort}'" in table] == []


def _default_version(service: str) -> str:
    found = re.search(r":-(.*)\}", SERVICES[service]["image"])
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("service", "pom"),
    [("kafka", "pom.xml"), ("registry", "registry.pom.xml"), ("connect", "connect.pom.xml")],
)
def test_the_tests_run_the_version_that_the_file_names(service: str, pom: str) -> None:
    assert f">{_default_version(service)}<" in (SUPPORT / pom).read_text()


def test_services_of_one_image_have_one_version() -> None:
    images = sorted(each["image"] for each in SERVICES.values() if "build" not in each)

    for _, same in itertools.groupby(images, key=lambda image: image.partition(":")[0]):
        assert len(set(same)) == 1
