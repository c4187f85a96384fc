from __future__ import annotations

import socket
from pathlib import Path

import pytest
from confluent_kafka import libversion

from daemon.config.kafka_names import ALLOWED, CONSUMER_ONLY, JAVA, REFUSED, SECRET
from daemon.config.kafka_properties import _complaint, read_properties, text_of, vet_properties
from daemon.config.secrets import Secret
from daemon.config.settings import taken_once
from tests.support.configs import load_with

CANARY = "canary-5e5c"
_NO_SUCH = "No such configuration property"


def complaint_about(raw: dict[str, object]) -> str:
    problems = vet_properties(read_properties(raw))
    text = "\n".join(str(problem) for problem in problems)
    assert CANARY not in text
    assert all(len(str(problem).splitlines()) == 1 for problem in problems)
    return text


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500},
        {"client.id": "cohortd", "client.rack": "eu-west-1a"},
        {"socket.keepalive.enable": True},
        {"security.protocol": "PLAINTEXT"},
        {"security.protocol": "ssl"},
        {"security.protocol": "ssl", "enable.ssl.certificate.verification": True},
        {"ssl.endpoint.identification.algorithm": "https"},
        {"ssl.cipher.suites": "ECDHE-RSA-AES256-GCM-SHA384"},
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "cohortd",
            "sasl.password": CANARY,
        },
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.client.id": "cohortd",
            "sasl.oauthbearer.client.secret": CANARY,
            "sasl.oauthbearer.token.endpoint.url": "https://idp.example/oauth/token",
        },
        {"group.protocol": "consumer"},
        {"queued.max.messages.kbytes": "16384", "fetch.queue.backoff.ms": 10},
    ],
)
def test_a_good_configuration_is_accepted(raw: dict[str, object]) -> None:
    assert complaint_about(raw) == ""


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_break_a_guarantee_is_refused_with_the_reason(name: str) -> None:
    assert complaint_about({name: "x"}) == f"kafka.properties.{name}: can't be set; {REFUSED[name]}"


@pytest.mark.parametrize("name", sorted(JAVA))
def test_a_name_of_the_java_client_is_answered(name: str) -> None:
    text = complaint_about({name: "x"})

    assert text == f"kafka.properties.{name}: is a name of the Java client; {JAVA[name]}"


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"sesion.timeout.ms": 1}, "did you mean session.timeout.ms?"),
        ({"SECURITY.PROTOCOL": "ssl"}, "is no property librdkafka knows"),
        ({"security_protocol": "ssl"}, "did you mean security.protocol?"),
        ({"": "x"}, "is no property"),
        ({"\ud800": "x"}, "is no property"),  # Such a name crashes the binding.
        ({"a b\nc": "x"}, "is no property"),
        ({"topic.auto.offset.reset": "latest"}, "can't be set"),  # librdkafka's other spelling.
        ({"rebalance_cb": "x"}, "callback"),
        ({"oauth_cb": "x"}, "callback"),
        ({"test.mock.num.brokers": 3}, "librdkafka's own tests"),
        ({"acks": "1"}, "for producers"),
        ({"linger.ms": 5}, "for producers"),
        ({"enable.idempotence": False}, "for producers"),
        ({"share.acknowledgement.mode": "explicit"}, "share groups"),
        ({"enable.ssl.certificate.verification": False}, "must be true"),
        ({"enable.ssl.certificate.verification": "False"}, "must be true"),
        ({"enable.ssl.certificate.verification": 0}, "must be true"),
        ({"ssl.endpoint.identification.algorithm": "none"}, "must be https"),
        ({"ssl.endpoint.identification.algorithm": ""}, "must be https"),
        ({"ssl.cipher.suites": "ALL:eNULL"}, "weak cipher"),
        ({"ssl.cipher.suites": "DEFAULT:@SECLEVEL=0"}, "weak cipher"),
        ({"security.protocol": "tls"}, "accepted: plaintext, ssl, sasl_plaintext, sasl_ssl"),
        ({"session.timeout.ms": "6s"}, "must be a whole number; accepted: 1 to 3600000"),
        ({"session.timeout.ms": 1.5}, "must be a whole number"),
        ({"session.timeout.ms": 99_999_999_999}, "must be a whole number"),
        ({"session.timeout.ms": 3_600_001}, "accepted: 1 to 3600000"),
        ({"session.timeout.ms": None}, "has no single value"),
        ({"client.id": ["a"]}, "has no single value"),
        ({"socket.keepalive.enable": "maybe"}, "accepted: true, false"),
        ({"group.protocol": "share"}, "accepted: classic, consumer"),
        ({"sasl.password": {"file": "/nonexistent/x"}}, "the file can't be read"),
        ({"sasl.password": {"file": 5}}, "{file: PATH}"),
        ({"sasl.password": {"flie": CANARY}}, "{file: PATH}"),
        ({"sasl.oauthbearer.token.endpoint.url": f"http://idp.example/{CANARY}"}, "must be https"),
        ({"sasl.oauthbearer.token.endpoint.url": "https://169.254.169.254/t"}, "link-local"),
        # Together.
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, "sasl.username"),
        ({"security.protocol": "ssl", "ssl.ca.location": "/nonexistent"}, "ssl.ca.location"),
        ({"security.protocol": "ssl", "ssl.key.pem": CANARY}, "ssl.key.pem"),
        ({"group.protocol": "consumer", "session.timeout.ms": 6000}, "session.timeout.ms"),
        ({"max.poll.interval.ms": 1000}, "max.poll.interval.ms"),
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"}, "oidc"),
        (
            {
                "security.protocol": "sasl_ssl",
                "sasl.mechanisms": "OAUTHBEARER",
                "sasl.oauthbearer.method": "oidc",
            },
            "token.endpoint.url: is missing",
        ),
    ],
)
def test_a_bad_property_is_refused_in_one_line(raw: dict[str, object], part: str) -> None:
    assert part in complaint_about(raw)


def test_all_bad_properties_are_told_at_once() -> None:
    text = complaint_about({"group.id": "x", "nonsense": 1, "fetch.min.bytes": -1})

    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_every_name_allowed_is_known_to_librdkafka(name: str) -> None:
    assert not _complaint({name: ""}).startswith(_NO_SUCH + f': "{name}"')


def test_the_tables_do_not_contradict_each_other() -> None:
    assert libversion()[1] >= 0x02100000
    assert not ALLOWED.keys() & (REFUSED.keys() | JAVA.keys())
    assert not REFUSED.keys() & JAVA.keys()
    assert ALLOWED.keys() >= SECRET
    assert ALLOWED.keys() >= CONSUMER_ONLY


def test_judging_leaves_no_thread_behind_and_writes_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = threads()

    complaint_about({"session.timeout.ms": 6000, "security.protocol": "ssl"})
    complaint_about({"ssl.ca.location": "/nonexistent", "security.protocol": "ssl"})

    assert threads() == before
    assert capfd.readouterr() == ("", "")


def test_judging_fetches_no_token() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)

        complaint = complaint_about(
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "OAUTHBEARER",
                "sasl.oauthbearer.method": "oidc",
                "sasl.oauthbearer.client.id": "x",
                "sasl.oauthbearer.client.secret": CANARY,
                "sasl.oauthbearer.token.endpoint.url": f"http://127.0.0.1:{server.getsockname()[1]}/",
            }
        )

        assert complaint == ""
        with pytest.raises(BlockingIOError):  # Nobody has called.
            server.accept()


def test_values_become_librdkafkas_text() -> None:
    read = read_properties({"a": True, "b": False, "c": 6000, "d": "x", "e": 0.5})

    assert read == {"a": "true", "b": "false", "c": "6000", "d": "x", "e": "0.5"}


def test_credentials_become_secrets_by_name_and_by_file(tmp_path: Path) -> None:
    path = tmp_path / "user"
    path.write_text("by-file\n")

    read = read_properties({"sasl.password": CANARY, "sasl.username": {"file": str(path)}})

    assert all(isinstance(value, Secret) for value in read.values())
    assert CANARY not in repr(read)
    assert [text_of(value) for value in read.values()] == [CANARY, "by-file"]


def test_a_property_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a mapping"):
        read_properties(["a"])


def test_only_what_is_taken_once_needs_a_restart(tmp_path: Path) -> None:
    files = {
        name: tmp_path / name for name in ("sasl.password", "sasl.username", "ssl.key.password")
    }
    for file in files.values():
        file.write_text("canary")
    login = {"security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}
    given = {name: {"file": str(file)} for name, file in files.items()}

    (tmp_path / "hash").write_text("canary")
    logs = {"log.hash_key_file": str(tmp_path / "hash")}
    settings = load_with(tmp_path, {"kafka.properties": {**login, **given}, **logs})

    late = [secret.path for secret in taken_once(settings)]
    assert late == [files["ssl.key.password"], tmp_path / "hash"]
