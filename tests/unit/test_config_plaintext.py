"""Which brokers are spoken to without TLS: those of the user's own network, or all if asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.plaintext import far_hosts, hosts_of
from daemon.tools.check.kafka import far_brokers
from tests.support.configs import load_with, problems_with

_PROPERTIES = "kafka.properties"
_SERVERS = "kafka.bootstrap_servers"
_FAR = "kafka.example.com:9092"

_NEAR = [
    "localhost:9092",
    "kafka:9092",
    "kafka-1:9092,kafka-2:9092, kafka-3",
    "my_broker",
    "PLAINTEXT://kafka:9092",
    "127.0.0.1:29092",
    "127.3.4.5:9092",
    "[::1]:9092",
    "10.1.2.3:9092",
    "172.16.0.1:9092",
    "172.31.255.254:9092",
    "192.168.7.8",
    "[fd12::1]:9092",
    "acme-kafka-bootstrap.data.svc:9092",
    "acme-kafka-bootstrap.data.svc.cluster.local:9092",
    "broker-0.brokers.data.svc.CLUSTER.LOCAL:9092",
    "ip-10-0-3-7.eu-west-1.compute.internal:9092",
    "nas.local:9092",
    "no.such.invalid:9092",
]
_ELSEWHERE = [
    ("kafka.example.com:9092", ["kafka.example.com"]),
    ("SSL://kafka.example.com:9092", ["kafka.example.com"]),
    ("kafka:9092,b-1.kafka.eu-west-1.amazonaws.com", ["b-1.kafka.eu-west-1.amazonaws.com"]),
    ("a.example.com,kafka, b.example.com", ["a.example.com", "b.example.com"]),
    ("203.0.113.7:9092", ["203.0.113.7"]),
    ("172.32.0.1:9092", ["172.32.0.1"]),
    ("100.64.0.1:9092", ["100.64.0.1"]),
    ("[2001:db8::1]:9092", ["[2001:db8::1]"]),
    ("[::ffff:8.8.8.8]", ["[::ffff:8.8.8.8]"]),
    ("169.254.169.254:9092", ["169.254.169.254"]),
    ("10.1:9092", ["10.1"]),
    ("svc.example.com:9092", ["svc.example.com"]),
    ("kafka.data.svc.prod.example.com:9092", ["kafka.data.svc.prod.example.com"]),
    ("kafka.local.example.com:9092", ["kafka.local.example.com"]),
    ("notlocal.dev:9092", ["notlocal.dev"]),
]
_PLAIN = ["PLAINTEXT", "plaintext", "SASL_PLAINTEXT", "sasl_plaintext"]
_TLS = ["SSL", "SASL_SSL", "sasl_ssl"]


def _with(protocol: str | None) -> dict[str, object]:
    if protocol is None:
        return {}
    login = {"sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "canary"}
    return {"security.protocol": protocol, **(login if "sasl" in protocol.lower() else {})}


@pytest.mark.parametrize("servers", _NEAR)
def test_a_host_is_within_ones_own_network(servers: str) -> None:
    assert far_hosts(hosts_of(servers)) == []


@pytest.mark.parametrize(("servers", "far"), _ELSEWHERE)
def test_a_host_is_elsewhere(servers: str, far: list[str]) -> None:
    assert far_hosts(hosts_of(servers)) == far


def test_the_first_host_elsewhere_is_named_and_the_others_counted(tmp_path: Path) -> None:
    servers = "kafka,a.example.com:9092,b.example.com:9092,203.0.113.7:9092"

    problems = problems_with(tmp_path, {_SERVERS: servers})

    assert "a.example.com (and 2 more) is" in str(problems[_SERVERS])


@pytest.mark.parametrize("protocol", [None, *_PLAIN])
def test_elsewhere_plain_text_is_refused_with_both_remedies(
    tmp_path: Path, protocol: str | None
) -> None:
    changes = {_SERVERS: _FAR, _PROPERTIES: _with(protocol)}

    problems = problems_with(tmp_path, changes)

    assert problems.keys() == {_SERVERS}
    told = str(problems[_SERVERS])
    assert "SASL_SSL" in told
    assert "kafka.allow_plaintext: true" in told
    assert ("the login" in told) == ((protocol or "").lower() == "sasl_plaintext")
    assert problems_with(tmp_path, {**changes, "kafka.allow_plaintext": True}) == {}
    assert problems_with(tmp_path, {**changes, _SERVERS: "kafka.data.svc:9092"}) == {}


@pytest.mark.parametrize("protocol", _TLS)
def test_tls_is_taken_anywhere(tmp_path: Path, protocol: str) -> None:
    changes = {_SERVERS: _FAR, _PROPERTIES: _with(protocol)}

    assert problems_with(tmp_path, changes) == {}
    assert problems_with(tmp_path, {**changes, "kafka.allow_plaintext": True}) == {}


def test_a_variable_allows_it_and_nothing_but_yes_does(tmp_path: Path) -> None:
    variable = "COHORTD_KAFKA__ALLOW_PLAINTEXT"

    assert problems_with(tmp_path, {_SERVERS: _FAR}, {variable: "true"}) == {}
    assert problems_with(tmp_path, {_SERVERS: _FAR}, {variable: "false"}).keys() == {_SERVERS}
    assert _SERVERS not in problems_with(tmp_path, {_SERVERS: _FAR}, {variable: "perhaps"})


def test_a_protocol_from_a_file_counts_and_a_bad_one_is_told_alone(tmp_path: Path) -> None:
    (tmp_path / "protocol").write_text("SASL_PLAINTEXT\n")
    by_file = {**_with("SASL_PLAINTEXT"), "security.protocol": {"file": f"{tmp_path}/protocol"}}

    assert problems_with(tmp_path, {_SERVERS: _FAR, _PROPERTIES: by_file}).keys() == {_SERVERS}
    bad = {_SERVERS: _FAR, _PROPERTIES: {"security.protocol": "tls"}}
    assert problems_with(tmp_path, bad).keys() == {"kafka.properties.security.protocol"}
    none = {_SERVERS: _FAR, _PROPERTIES: {"security.protocol": {"file": "/no/such"}}}
    assert problems_with(tmp_path, none).keys() == {"kafka.properties.security.protocol"}


def test_a_service_of_kubernetes_in_short_is_told_its_full_name(tmp_path: Path) -> None:
    problems = problems_with(tmp_path, {_SERVERS: "kafka.data:9092"})

    assert "in full (kafka.data.svc)" in str(problems[_SERVERS])


def test_brokers_that_the_cluster_names_elsewhere_are_warned_of(tmp_path: Path) -> None:
    plain = load_with(tmp_path, {})
    hosts = ["10.0.0.1", "kafka.example.com", "fd12::1", "2001:db8::1", "::1"]

    [finding] = far_brokers(plain, hosts)

    assert finding.level == "warning"
    assert "at kafka.example.com, 2001:db8::1 too" in finding.what
    assert far_brokers(plain, ["localhost", "kafka.data.svc"]) == []
    assert far_brokers(load_with(tmp_path, {"kafka.allow_plaintext": True}), hosts) == []
    tls = load_with(tmp_path, {_PROPERTIES: {"security.protocol": "SSL"}})
    assert far_brokers(tls, hosts) == []
