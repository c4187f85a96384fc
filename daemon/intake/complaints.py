"""What the Kafka client complains of, said once in words that help, then folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

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
    """Keeps each complaint until what it was about works again.

    One of the client as a whole is over when the brokers are heard again; one of a topic only
    when that topic is found, since the others may flow meanwhile.
    """

    def __init__(self) -> None:
        self._client = ""
        self._topics: dict[str, str] = {}
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self._said: dict[str, str] = {}  # What is folded, and as which event.
        self._heard = 0

    @property
    def trouble(self) -> str:
        """The gravest complaint that stands, in words that help; empty when there is none."""
        return self._client or next(iter(self._topics.values()), "")

    @property
    def only_topics(self) -> bool:
        """Tell whether the brokers answer, and only topics are complained of."""
        return bool(self._topics) and not self._client

    def turn(self, events: Sequence[ClientEvent], heard: int) -> None:
        """Take in what the client complained of, and how often the brokers were heard so far."""
        for complaint in events:
            self._complain(complaint)
        if not events and heard != self._heard and self._client:
            self._client = ""
            self._recover({key for key in self._said if key not in self._topics})
        self._heard = heard

    def found(self, topics: Iterable[str]) -> None:
        """These topics are there, and may be read."""
        known = self._topics.keys() & set(topics)
        for topic in known:
            del self._topics[topic]
        if known:
            self._recover(known)

    def _complain(self, complaint: ClientEvent) -> None:
        remedy = REMEDIES.get(complaint.code, "it is tried again by itself")
        missing = complaint.code == "UNKNOWN_TOPIC_OR_PART"
        name = event.TOPIC_MISSING if missing else event.KAFKA_ERROR
        if complaint.topic:
            self._topics[complaint.topic] = f"{complaint.text} (topic {complaint.topic}); {remedy}"
        else:
            self._client = f"{complaint.text}; {remedy}"
        key = complaint.topic or complaint.code
        self._said[key] = name
        self._folded.error(
            name,
            key,
            code=complaint.code,
            topic=complaint.topic,
            detail=complaint.text,
            remedy=remedy,
        )

    def _recover(self, keys: AbstractSet[str]) -> None:
        self._log.info(event.KAFKA_RECOVERED, after=sorted(keys))
        for key in keys:
            self._folded.forget(self._said.pop(key), key)
