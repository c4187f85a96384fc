"""A stage at the open door of a broker, whose daemons come in by the guarded one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin._acl import AclOperation
from confluent_kafka.admin._resource import ResourceType

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import DaemonProcess
    from tests.support.secured_broker import SecuredKafka
    from tests.support.stage import Stage

PASSWORD = "canary-first"


@dataclass
class Door:
    """`stage` is the test's own way in; `user` is whom the daemon comes in as."""

    broker: SecuredKafka
    stage: Stage
    user: str

    @property
    def password_file(self) -> Path:
        return self.stage.folder / "kafka.password"

    @property
    def rights(self) -> list[tuple[ResourceType, str, AclOperation]]:
        """All the rights that a daemon needs (SECURITY.md)."""
        return [
            (ResourceType.TOPIC, self.stage.topic, AclOperation.READ),
            (ResourceType.GROUP, self.stage.group, AclOperation.READ),
            (ResourceType.TOPIC, self.stage.letters_topic, AclOperation.WRITE),
        ]

    @property
    def login(self) -> dict[str, str]:
        """How the user comes in, as a client of the test would."""
        return {
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.user,
            "sasl.password": PASSWORD,
        }

    def open(self, changes: dict[str, object] | None = None) -> DaemonProcess:
        """Give the user these rights and no other, and start a daemon with its password."""
        self.broker.set_password(self.user, PASSWORD)
        self.password_file.write_text(f"{PASSWORD}\n")
        for right in self.rights:
            self.broker.allow(self.user, *right)
        properties: dict[str, Any] = self.login | {
            "sasl.password": {"file": str(self.password_file)}
        }
        return self.stage.start(
            {
                "kafka.bootstrap_servers": self.broker.secured,
                "kafka.properties": properties,
                **(changes or {}),
            }
        )
