"""Asks the brokers, beside the reading, what nobody may wait for in a turn.

It owns a thread and an admin client of its own: a second thread at the consumer would starve, and
a question asked in a turn lasts as long as a broker is silent. Its answers are values, replaced
whole. It decides nothing.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from daemon.errors import KafkaFatal, KafkaUnavailable
from daemon.kafka import questions
from daemon.kafka.client_config import Properties, admin_config, client_log
from daemon.kafka.login import Login
from daemon.kafka.records import GroupTimes, Survey
from daemon.kafka.retention import Retention
from daemon.tokens.source import source_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.core.model import Partition

# How often it asks: so long a topic made anew may go unseen.
EVERY_S = 10.0

# How long it waits for one answer, and how soon it asks again after none.
ANSWER_S = 5.0
AGAIN_S = 1.0

# How long it waits for ids, and how long it does without where only they are not told.
IDS_S = 3.0
UNTOLD_S = 60.0


class Surveyor(threading.Thread):
    """Makes a survey every few seconds, from `start` until `stop`; a silent broker delays it.

    `topics` are names, or patterns that begin with `^` and match whole names. The group's times
    are asked for where `properties` name a group, and the newer protocol.
    """

    def __init__(
        self,
        properties: Properties,
        topics: Sequence[str],
        clock: Callable[[], float],
        login: Login | None = None,
    ) -> None:
        super().__init__(name="cohortd-surveyor", daemon=True)
        self._properties = properties
        self._login = login or Login()
        newer = str(properties.get("group.protocol")).lower() == "consumer"
        self._group = str(properties["group.id"]) if newer else None
        self._topics = tuple(map(questions.whole, topics))
        self._clock = clock
        self.unanswered = 0  # Surveys in a row that got no answer.
        self._latest: Survey | None = None
        self._untold_until_s = -math.inf
        self._retention = Retention(clock)
        self._failure: Exception | None = None
        self._wanted = threading.Event()
        self._stopped = False

    @property
    def latest(self) -> Survey | None:
        """Return the last survey, None before the first. Raise KafkaFatal when none can come."""
        if self._failure is not None:
            raise KafkaFatal(f"survey the cluster: {self._failure}") from self._failure
        return self._latest

    def hurry(self) -> None:
        """Make the next one now."""
        self._wanted.set()

    def own(self, partitions: frozenset[Partition]) -> None:
        """Also ask of these where their logs begin, and how long their topics keep records."""
        self._retention.own(partitions)

    def stop(self) -> None:
        """Ask nothing more; what is being asked is not waited for."""
        self._stopped = True
        self._wanted.set()

    def run(self) -> None:
        """Ask until stopped."""
        source = source_in(self._properties)
        while source is not None and not source.wait(AGAIN_S):
            if self._stopped:
                return
        try:
            admin = AdminClient(admin_config(self._properties), logger=client_log)
            while not self._stopped:
                self._wanted.clear()
                self._wanted.wait(EVERY_S if self._ask(admin) else AGAIN_S)
        except Exception as failure:  # noqa: BLE001  The top of a thread: `latest` ends the process.
            self._failure = failure

    def _ask(self, admin: AdminClient) -> bool:
        """Make a survey; tell whether there was an answer to all of it."""
        self._login.follow(admin)
        asked_at_s = self._clock()
        try:
            ids, partitions = self._ask_topics(admin)
        except KafkaUnavailable:
            self.unanswered += 1
            return False
        self.unanswered = 0
        times, trouble = self._ask_times(admin)
        retention = self._retention
        retention.turn(admin)
        self._latest = Survey(
            asked_at_s, ids, partitions, times, trouble, retention.log_starts, retention.kept
        )
        return not trouble

    def _ask_topics(self, admin: AdminClient) -> tuple[dict[str, str], dict[str, int]]:
        """Return the ids and the partitions of the topics; no ids where only they are not told.

        librdkafka asks the cluster's controller for ids, and a cluster may be well without one.
        """
        untold = self._clock() < self._untold_until_s
        if untold or self._latest is None:  # The first time a connection has to be made as well.
            partitions = questions.partition_counts(admin, self._topics, ANSWER_S)
            if untold:
                return {}, partitions
        try:
            found = questions.describe_topics(admin, self._names(admin), IDS_S)
        except KafkaUnavailable:
            partitions = questions.partition_counts(admin, self._topics, ANSWER_S)
            self._untold_until_s = self._clock() + UNTOLD_S
            return {}, partitions
        ids = {name: told for name, topic in found.items() if (told := questions.topic_id(topic))}
        return ids, {name: len(topic.partitions) for name, topic in found.items()}

    def _ask_times(self, admin: AdminClient) -> tuple[GroupTimes | None, str]:
        if self._group is None:
            return None, ""
        try:
            return questions.group_times(admin, self._group, ANSWER_S), ""
        except KafkaUnavailable as error:
            return None, str(error)

    def _names(self, admin: AdminClient) -> list[str]:
        names = [topic for topic in self._topics if not topic.startswith("^")]
        if len(names) == len(self._topics):
            return names
        return sorted(questions.partition_counts(admin, self._topics, ANSWER_S))
