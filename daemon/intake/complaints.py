"""What the Kafka client complains of, said once in words that help, then folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from daemon.kafka.client_errors import ClientEvent
from daemon.kafka.records import Survey
from daemon.kafka.token_watch import NO_TOKEN
from daemon.logs import FoldedLog, event, get_logger

_CONNECTION = "see whether kafka.bootstrap_servers is right and reachable from here"
_RIGHTS = "grant Read on the topic and on the group to this user"

REMEDIES = {
    "_ALL_BROKERS_DOWN": _CONNECTION,
    "_TRANSPORT": _CONNECTION,
    "_RESOLVE": "the name does not resolve: correct kafka.bootstrap_servers",
    "_AUTHENTICATION": (
        "correct the user, password or mechanism under kafka.properties (sasl.…), or, with"
        " kafka.oauth, grant kafka-cluster:Connect to the role"
    ),
    NO_TOKEN: "give this process a role of AWS (see kafka.oauth); it goes on by itself",
    "_SSL": "see kafka.properties: ssl.ca.location, the host's name, the certificate's dates",
    "UNKNOWN_TOPIC_OR_PART": "create the topic, or correct it under inputs",
    "TOPIC_AUTHORIZATION_FAILED": _RIGHTS,
    "GROUP_AUTHORIZATION_FAILED": _RIGHTS,
    "UNKNOWN": "the broker's own log says what fails there; it is tried again by itself",
    "GROUP_ID_NOT_FOUND": (
        "the group still has members of the classic protocol, which must all leave first: stop the"
        " other replicas; this one goes on by itself"
    ),
}


# What is told again with every fetch that fails is over when it has not been for so long, and a
# fetch has gone well since: by default a failed one is made again after half a second.
QUIET_S = 5.0

# A cause before what follows from it: a refused login also ends as "all brokers are down".
_LAST = ("_FATAL", "_TRANSPORT", "_ALL_BROKERS_DOWN")


def _rank(code: str) -> int:
    return _LAST.index(code) + 1 if code in _LAST else 0


class _OfTopic(NamedTuple):
    words: str
    since_s: float
    reading: bool
    repeats: bool


class Complaints:
    """Keeps each complaint until what it was about works again.

    One of the client as a whole is over when the brokers are heard again. One of a topic only
    when that topic is found, or, where it was met in reading, read from again: the others may
    flow meanwhile. One that repeats may be of one partition, while others of its topic flow: it
    is over when no fetch of the topic fails any more.
    """

    def __init__(self) -> None:
        self._client: dict[str, str] = {}  # The last words of each code.
        self._topics: dict[str, _OfTopic] = {}
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self._said: dict[str, str] = {}  # What is folded, and as which event.
        self._heard = 0

    @property
    def trouble(self) -> str:
        """The gravest complaint that stands, in words that help; empty when there is none."""
        if self._client:
            return self._client[min(self._client, key=_rank)]
        return next((each.words for each in self._topics.values()), "")

    @property
    def only_topics(self) -> bool:
        """Tell whether the brokers answer, and only topics are complained of."""
        return bool(self._topics) and not self._client

    def turn(self, events: Sequence[ClientEvent], heard: int, now_s: float) -> None:
        """Take in what the client complained of, and how often the brokers were heard so far."""
        for complaint in events:
            if complaint.code == NO_TOKEN and heard != self._heard:
                continue  # The connections there are serve on; it is said when they no longer do.
            self._complain(complaint, now_s)
        of_client = [complaint for complaint in events if not complaint.topic]
        if not of_client and heard != self._heard and self._client:
            self._client.clear()
            self._recover({key for key in self._said if key not in self._topics})
        self._heard = heard

    def read(self, topics: Iterable[str]) -> None:
        """These topics were read from."""
        read = (topic for topic in topics if topic in self._topics)
        self._over({topic for topic in read if not self._topics[topic].repeats})

    def failing(self, topics: AbstractSet[str], now_s: float) -> None:
        """Take in of which topics a fetch fails, and is made again."""
        self._over(
            {
                topic
                for topic, each in self._topics.items()
                if each.repeats and topic not in topics and now_s - each.since_s >= QUIET_S
            }
        )

    def found(self, survey: Survey, ours: AbstractSet[str]) -> None:
        """Take in which topics there are; of those that are `ours`, reading alone tells more."""
        self._over(
            {
                topic
                for topic, each in self._topics.items()
                if topic in survey.partitions
                and each.since_s < survey.asked_at_s
                and not (each.reading and topic in ours)
            }
        )

    def _over(self, topics: AbstractSet[str]) -> None:
        for topic in topics:
            del self._topics[topic]
        if topics:
            self._recover(topics)

    def _complain(self, complaint: ClientEvent, now_s: float) -> None:
        remedy = REMEDIES.get(complaint.code, "it is tried again by itself")
        missing = complaint.code == "UNKNOWN_TOPIC_OR_PART"
        name = event.TOPIC_MISSING if missing else event.KAFKA_ERROR
        if complaint.topic:
            words = f"{complaint.text} (topic {complaint.topic}); {remedy}"
            if not self._hidden(complaint):
                told = _OfTopic(words, now_s, complaint.reading, complaint.repeats)
                self._topics[complaint.topic] = told
        else:
            self._client[complaint.code] = f"{complaint.text}; {remedy}"
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

    def _hidden(self, complaint: ClientEvent) -> bool:
        """Tell whether it comes beside one that is told once, which it would end too early."""
        known = self._topics.get(complaint.topic or "")
        return complaint.repeats and known is not None and not known.repeats

    def _recover(self, keys: AbstractSet[str]) -> None:
        self._log.info(event.KAFKA_RECOVERED, after=sorted(keys))
        for key in keys:
            self._folded.forget(self._said.pop(key), key)
