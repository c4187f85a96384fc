"""librdkafka's own texts, as seen, and the line a person gets for each."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from daemon.tools.check.troubles import Troubles, explain, read_trouble

_REFUSED = (
    "b:1/bootstrap: Connect to ipv4#10.0.0.1:1 failed: Connection refused"
    " (after 0ms in state CONNECT)"
)
_UNNAMED = (
    "{at}/{broker}: Failed to resolve '{at}': Name or service not known"
    " (after 1ms in state CONNECT)"
)
_SSL_TEXT = (
    "ssl://b:9092/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify"
    " failed: broker certificate could not be verified (after 4ms in state SSL_HANDSHAKE)"
)
_PLAIN = (
    "ssl://b:1/bootstrap: Disconnected: connection reset by peer (after 0ms in state SSL_HANDSHAKE)"
)
_APIVERSION = (
    "b:9092/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect"
    " security.protocol configuration (connecting to a SSL listener?) or broker version is < 0.10"
    " (after 5ms in state APIVERSION_QUERY)"
)
_LOGIN = (
    "sasl_ssl://b:9092/bootstrap: SASL authentication error: Authentication failed: Invalid"
    " username or password (after 312ms in state AUTH_REQ, 3 identical error(s) suppressed)"
)
_UP = "b:1/bootstrap: Disconnected: connection closed by peer (after 4ms in state UP)"


@pytest.mark.parametrize(
    ("code", "text", "where", "says"),
    [
        (
            "_TRANSPORT",
            _REFUSED,
            "kafka.bootstrap_servers",
            "b:1 can't be reached: Connection refused; correct the address",
        ),
        (
            "_RESOLVE",
            _UNNAMED.format(at="no.such:9092", broker="bootstrap"),
            "kafka.bootstrap_servers",
            "no.such:9092 can't be reached: Name or service not known; correct the address",
        ),
        (
            "_RESOLVE",
            _UNNAMED.format(at="kafka:9092", broker=1),
            "broker 1",
            "the cluster says it is at kafka:9092, which can't be reached",
        ),
        ("_SSL", _SSL_TEXT, "kafka.properties.ssl.*", "certificate verify failed"),
        ("_TRANSPORT", _PLAIN, "kafka.properties.security.protocol", "seems to speak no TLS"),
        ("_TRANSPORT", _APIVERSION, "kafka.properties.security.protocol", "ssl or sasl_ssl"),
        ("_TRANSPORT", _UP, "kafka.properties.security.protocol", "may ask for TLS or a password"),
        ("_AUTHENTICATION", _LOGIN, "kafka.properties.sasl.*", "Invalid username or password"),
        ("_NEW_KIND", "something nobody saw yet", "kafka.properties", "nobody saw yet (_NEW_KIND)"),
    ],
)
def test_a_complaint_names_the_setting_to_change(
    code: str, text: str, where: str, says: str
) -> None:
    found = explain(read_trouble(code, text))

    assert found.where == where
    assert says in str(found)
    assert found.remedy
    assert "identical error" not in str(found)
    assert "in state" not in str(found)


def test_a_repeated_complaint_is_one_line_and_the_sum_of_all_is_none() -> None:
    troubles = Troubles()

    for _ in range(50):
        troubles.add(KafkaError(KafkaError._TRANSPORT, "a:1/bootstrap: gone"))
        troubles.add(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))

    assert troubles.all_down
    (told,) = troubles.findings()
    assert str(told).startswith("kafka.bootstrap_servers: a:1 can't be reached: gone; correct")


def test_a_refused_password_is_said_before_a_broken_connection() -> None:
    troubles = Troubles()
    for number in range(9):
        troubles.add(KafkaError(KafkaError._TRANSPORT, f"a{number}:1/bootstrap: gone"))

    troubles.add(KafkaError(KafkaError._AUTHENTICATION, "a1:1/bootstrap: wrong password"))

    findings = troubles.findings()
    assert findings[0].where == "kafka.properties.sasl.*"
    assert len(findings) == 4


def test_the_coordinator_is_the_broker_it_runs_on() -> None:
    troubles = Troubles()
    unresolved = "Failed to resolve 'kafka:1': Name or service not known"

    for at in ("GroupCoordinator: kafka:1", "kafka:1/7", "GroupCoordinator: kafka:1"):
        troubles.add(KafkaError(KafkaError._RESOLVE, f"{at}: {unresolved}"))

    (told,) = troubles.findings()
    assert told.where == "broker 7"
