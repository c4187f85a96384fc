"""A real Kafka whose guarded doors speak TLS: one asks for a certificate, one for a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.brokers import KafkaServer
from tests.support.processes import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Authority

_MAP = "PLAINTEXT:PLAINTEXT,MUTUAL:SSL,PASSWORD:SASL_SSL,CONTROLLER:PLAINTEXT"


class TlsKafka(KafkaServer):
    """`mutual` wants a certificate of `authority`, `password` SCRAM; `bootstrap` is the test's."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shown = authority.issue("localhost")
        both = folder / "broker.pem"
        both.write_text(shown.key.read_text() + shown.file.read_text())
        port, mutual, password, controller = (free_port() for _ in range(4))
        doors = {"PLAINTEXT": port, "MUTUAL": mutual, "PASSWORD": password}
        listening = ",".join(f"{name}://127.0.0.1:{number}" for name, number in doors.items())
        hosts = {"PLAINTEXT": "127.0.0.1"}
        told = ",".join(
            f"{name}://{hosts.get(name, 'localhost')}:{number}" for name, number in doors.items()
        )
        super().__init__(
            folder,
            {
                "listeners": f"{listening},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": told,
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "listener.security.protocol.map": _MAP,
                "inter.broker.listener.name": "PLAINTEXT",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(both),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(authority.file),
                "listener.name.mutual.ssl.client.auth": "required",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.password.scram-sha-512.sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                ),
            },
        )
        self.bootstrap = f"127.0.0.1:{port}"
        self.mutual = f"localhost:{mutual}"
        self.password = f"localhost:{password}"
