"""A real Kafka with a door like Amazon MSK's: TLS, and a token that says who AWS takes you for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.brokers import KafkaServer
from tests.support.java import compile_class
from tests.support.processes import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Authority

REGION = "eu-west-1"  # The only one whose tokens it takes.

# Who has logged in must show a token again after this.
_REAUTHENTICATED_MS = 3_000


class MskKafka(KafkaServer):
    """`iam` is the door that takes tokens; `bootstrap` is the test's."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.classes = folder / "classes"
        compile_class("MskTokens", self.classes)
        shown = authority.issue("localhost")
        both = folder / "broker.pem"
        both.write_text(shown.key.read_text() + shown.file.read_text())
        port, iam, controller = (free_port() for _ in range(3))
        super().__init__(
            folder,
            {
                "listeners": (
                    f"PLAINTEXT://127.0.0.1:{port},IAM://127.0.0.1:{iam},"
                    f"CONTROLLER://127.0.0.1:{controller}"
                ),
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},IAM://localhost:{iam}",
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "listener.security.protocol.map": (
                    "PLAINTEXT:PLAINTEXT,IAM:SASL_SSL,CONTROLLER:PLAINTEXT"
                ),
                "inter.broker.listener.name": "PLAINTEXT",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(both),
                "sasl.enabled.mechanisms": "OAUTHBEARER",
                "listener.name.iam.oauthbearer.sasl.jaas.config": (
                    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
                ),
                "listener.name.iam.oauthbearer.sasl.server.callback.handler.class": "MskTokens",
                "connections.max.reauth.ms": str(_REAUTHENTICATED_MS),
            },
        )
        self.bootstrap = f"127.0.0.1:{port}"
        self.iam = f"localhost:{iam}"
