"""A real Kafka with a door that asks for a password and checks rights, and one for the test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.support.brokers import KafkaServer
from tests.support.processes import free_port
from tests.support.topics import TIMEOUT_S, admin_of

if TYPE_CHECKING:
    from pathlib import Path

# Who has logged in is asked again after this; a password that is no longer right ends it then.
REAUTHENTICATED_MS = 3_000

_ADMIT = {
    "listener.security.protocol.map": (
        "PLAINTEXT:PLAINTEXT,SECURED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"
    ),
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.secured.sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.secured.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "connections.max.reauth.ms": str(REAUTHENTICATED_MS),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


class SecuredKafka(KafkaServer):
    """`bootstrap` is the open door, whose users may do anything; `secured` the guarded one."""

    def __init__(self, folder: Path) -> None:
        port, secured, controller = free_port(), free_port(), free_port()
        doors = f"PLAINTEXT://127.0.0.1:{port},SECURED://127.0.0.1:{secured}"
        super().__init__(
            folder,
            {
                **_ADMIT,
                "listeners": f"{doors},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": doors,
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            },
        )
        self.bootstrap = f"127.0.0.1:{port}"
        self.secured = f"127.0.0.1:{secured}"

    def set_password(self, user: str, password: str) -> None:
        """Give a user this password and no other; whoever logs in from now on needs it."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        admin = admin_of(self.bootstrap)
        admin.alter_user_scram_credentials([change])[user].result(TIMEOUT_S)

    def denied(self, user: str) -> set[str]:
        """Return what the broker refused this user so far: `Describe on Topic:x` and the like."""
        told = re.findall(
            rf"Principal = User:{user} is Denied operation = (\w+) "
            r".*? on resource = (\w+):LITERAL:(\S+)",
            self.child.output(),
        )
        return {f"{operation} on {kind}:{name}" for operation, kind, name in told}

    def allow(self, user: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        rule = AclBinding(kind, name, literal, f"User:{user}", "*", operation, allow)
        admin = admin_of(self.bootstrap)
        admin.create_acls([rule])[rule].result(TIMEOUT_S)

    def forbid(self, user: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Take such a right away."""
        literal, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        rule = AclBindingFilter(kind, name, literal, f"User:{user}", "*", operation, allow)
        admin = admin_of(self.bootstrap)
        gone = admin.delete_acls([rule])[rule].result(TIMEOUT_S)
        assert len(gone) == 1, gone
