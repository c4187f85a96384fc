"""What the Kafka client complains of, said once in words that help, then folded."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.kafka.client_errors import ClientEvent
from daemon.logs import FoldedLog, event, get_logger

_CONNECTION = "see whether kafka.bootstrap_servers is right and reachable from here"
_RIGHTS = "grant Read on the topic and on the group to this user"

REMEDIES = {
    "_ALL_BROKERS_DOWN": _CONNECTION,
    "_TRANSPORT": _CONNECTION,
    "_RESOLVE": "the name does not resolve: correct kafka.bootstrap_servers",
    "_AUTHENTICATION": "correct the user, password or mechanism under kafka.properties (sasl.…)",
    "_SSL": "see kafka.properties: ssl.ca.location, the host's name, the certificate's dates",
    "UNKNOWN_TOPIC_OR_PART": "create the topic, or correct it under inputs",
    "TOPIC_AUTHORIZATION_FAILED": _RIGHTS,
    "GROUP_AUTHORIZATION_FAILED": _RIGHTS,
}


class Complaints:
    """Keeps the last complaint until the brokers are heard again."""

    def __init__(self) -> None:
        self.trouble = ""
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self._said: set[str] = set()
        self._heard = 0

    def turn(self, events: Sequence[ClientEvent], heard: int) -> None:
        """Take in what the client complained of, and how often the brokers were heard so far."""
        for complaint in events:
            self._complain(complaint)
        if not events and heard != self._heard and self.trouble:
            self._recover()
        self._heard = heard

    def _complain(self, complaint: ClientEvent) -> None:
        remedy = REMEDIES.get(complaint.code, "it is tried again by itself")
        where = f" (topic {complaint.topic})" if complaint.topic else ""
        self.trouble = f"{complaint.text}{where}; {remedy}"
        name = event.TOPIC_MISSING if complaint.code == "UNKNOWN_TOPIC_OR_PART" else event.KAFKA_ERROR
        self._said.add(complaint.code)
        self._folded.error(
            name,
            complaint.code,
            code=complaint.code,
            topic=complaint.topic,
            detail=complaint.text,
            remedy=remedy,
        )

    def _recover(self) -> None:
        self._log.info(event.KAFKA_RECOVERED, after=sorted(self._said))
        for code in self._said:
            self._folded.forget(event.KAFKA_ERROR, code)
            self._folded.forget(event.TOPIC_MISSING, code)
        self._said.clear()
        self.trouble = ""
