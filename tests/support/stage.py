"""What a daemon needs around it: topics, a group, a pretended Braze, key files, a configuration."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from daemon.config.document import Document, merge
from daemon.core.intent import Mark
from daemon.tools.simulator import SimulatorSettings, SimulatorThread
from tests.support import topics
from tests.support.configs import IMPORT_KEY, PARTNER_KEY, nested
from tests.support.daemon import DaemonProcess
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from daemon.core.model import Member

# Short times, so that a take-over after a crash costs eight seconds instead of 75. What holds is
# the same: a lease of 1.5 s, a commit every half second.
SHORT: Document = {
    "kafka": {"properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}},
    "window": {"max_age": "200ms"},
    "delivery": {
        "request_timeout": "2s",
        "settle": "2s",
        "backoff": {"initial": "100ms", "max": "1s"},
    },
    "shutdown": {"grace": "10s"},
}
# A group of the newer protocol: its heartbeat counts as 5 s, so its session must be longer.
CONSUMER_PROTOCOL: Document = {
    "kafka": {"properties": {"group.protocol": "consumer"}, "session_timeout": "12s"},
    "window": {"max_age": "200ms"},
    "delivery": SHORT["delivery"],
    "shutdown": {"grace": "10s"},
}
_COORDINATOR_AWAY = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)
Change = tuple[str, "Member", bool]


def change(op: str, cohort: str, user: str | None = None, **fields: object) -> bytes:
    """Return a native record; `user` is an external id."""
    named: dict[str, object] = {"external_id": user} if user is not None else {}
    return json.dumps({"cohort_id": cohort, "op": op, **named, **fields}).encode()


def add(cohort: str, user: str | None = None, **fields: object) -> bytes:
    return change("add", cohort, user, **fields)


def remove(cohort: str, user: str | None = None, **fields: object) -> bytes:
    return change("remove", cohort, user, **fields)


class Stage:
    """One topic, one group and one simulator at some Kafka; every daemon started here ends here."""

    def __init__(
        self, bootstrap: str, simulator: SimulatorThread, folder: Path, timing: Document = SHORT
    ) -> None:
        self.bootstrap = bootstrap
        self.simulator = simulator
        self.folder = folder
        self.timing = timing
        self.topic = topics.unique("input")
        self.letters_topic = topics.unique("letters")
        self.group = topics.unique("group")
        self.partner_key = folder / "partner.key"
        self.import_key = folder / "import.key"
        self.partner_key.write_text(PARTNER_KEY)
        self.import_key.write_text(IMPORT_KEY)
        self.daemons: list[DaemonProcess] = []
        self.excused: frozenset[str] = frozenset()  # Violations that a test provokes itself.
        self._group = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": self.group, "log_level": 0}
        )
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 0,
                "log_level": 0,
                "enable.idempotence": True,
            }
        )

    # The daemon.

    def config(self, changes: Mapping[str, object] | None = None) -> Document:
        """Return a configuration; `changes` are dotted paths, `:` for a dot inside a name."""
        document: Document = {
            "kafka": {
                "bootstrap_servers": self.bootstrap,
                "group_id": self.group,
                "properties": {"topic.metadata.refresh.interval.ms": 1000},
            },
            "inputs": [{"topic": self.topic}],
            "start": "earliest",
            "braze": {
                "endpoint": self.simulator.url,
                "partner": "acme",
                "partner_api_key_file": str(self.partner_key),
                "data_import_key_file": str(self.import_key),
            },
            "dead_letter": {"topic": self.letters_topic},
            "admin": {"host": "127.0.0.1", "port": 0},
        }
        document = merge(document, self.timing)
        for path, value in (changes or {}).items():
            document = merge(document, nested(path, value))
        return document

    def start(
        self,
        changes: Mapping[str, object] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        module: str = "daemon",
        program: Sequence[str] = (),
        cwd: Path | None = None,
    ) -> DaemonProcess:
        """Start a daemon; whatever happens, it is ended at the end of the test.

        `module` is what Python runs: the daemon itself, or a test's own way into it. `program` is
        what runs instead of Python.
        """
        daemon = DaemonProcess(
            self.config(changes),
            self.folder,
            environ=environ,
            module=module,
            program=program,
            cwd=cwd,
        )
        self.daemons.append(daemon)
        return daemon

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.kill()

    def check(self) -> None:
        """Hold every daemon to what is true of any run: clean lines, no secret, good requests."""
        for daemon in self.daemons:
            assert "canary" not in daemon.output()
            assert "Traceback" not in daemon.output()
            daemon.log_lines()  # Each is one JSON object.
        assert self.violations() == 0, self.simulator.stats()

    def _logs(self) -> str:
        """Return the end of what each daemon has said, for a test that fails."""
        return "\n".join(daemon.output()[-4000:] for daemon in self.daemons)

    # Kafka.

    def produce(self, *values: bytes | None, partition: int = 0, **more: Any) -> None:  # noqa: ANN401
        """Append to the topic in order; all are acknowledged when this returns."""
        for value in values:
            self._producer.produce(self.topic, value, partition=partition, **more)
            self._producer.poll(0)
        assert self._producer.flush(topics.TIMEOUT_S) == 0, "not all records were acknowledged"

    def committed(self, partitions: int = 1) -> dict[int, tuple[int, Mark]]:
        """Return the group's offsets with what their metadata says."""
        found: dict[int, tuple[int, Mark]] = {}
        for entry in self.offsets(partitions):
            if entry.offset >= 0:
                mark = Mark.decode(entry.metadata)
                assert mark is not None, entry
                found[entry.partition] = (entry.offset, mark)
        return found

    def offsets(self, partitions: int = 1) -> list[TopicPartition]:
        """Return what the group has committed, whoever wrote it.

        A consumer of the group asks, which never joins it. An `AdminClient` would end this process
        with a segmentation fault when the coordinator moves meanwhile (librdkafka 2.16).
        """
        asked = [TopicPartition(self.topic, number) for number in range(partitions)]

        def found_there() -> list[TopicPartition] | None:
            try:
                return self._group.committed(asked, topics.TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() in _COORDINATOR_AWAY:
                    return None  # A broker that has just come back is still reading its groups.
                raise

        found = wait_until("the group's coordinator answers", found_there)
        for entry in found:
            if entry.error is not None:
                raise KafkaException(entry.error)
        return found

    def committed_offset(self, partition: int = 0) -> int | None:
        found = self.committed(partition + 1).get(partition)
        return found[0] if found else None

    def read(self, topic: str, count: int) -> list[Message]:
        """Return the first records of a topic, when there are so many."""
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": topics.unique("reader")}
        )
        messages: list[Message] = []
        try:
            # A broker that has just come back may tell of a topic without its partitions.
            numbers = wait_until(
                f"the partitions of {topic}",
                lambda: consumer.list_topics(topic, topics.TIMEOUT_S).topics[topic].partitions,
            )
            consumer.assign([TopicPartition(topic, number, 0) for number in numbers])

            def enough() -> bool:
                polled = consumer.consume(1000, 0.1)
                messages.extend(message for message in polled if message.error() is None)
                return len(messages) >= count

            try:
                wait_until(f"{count} records in {topic}", enough)
            except AssertionError as late:
                said = f"{late}; there are {len(messages)}"
                raise AssertionError(f"{said}\n{self._logs()}") from None
        finally:
            consumer.close()
        return messages

    def letters(self, count: int) -> list[Message]:
        """Return the dead letters, when there are so many."""
        return self.read(self.letters_topic, count)

    # Braze.

    def wait_members(
        self,
        more: Mapping[str, set[Any]] | None = None,
        /,
        *,
        timeout_s: float = 60.0,
        **cohorts: set[Any],
    ) -> None:
        """Return when these cohorts have exactly these members; others are not looked at."""
        wanted = {name: frozenset(members) for name, members in {**(more or {}), **cohorts}.items()}

        def equal() -> bool:
            found = self.simulator.cohorts()
            return all(found.get(name) == members for name, members in wanted.items())

        try:
            wait_until("the members are at Braze", equal, timeout_s)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.simulator.cohorts()}\n{self._logs()}") from None

    def deliveries(self, since: int = 0) -> list[Change]:
        """Return every member change applied, in order: (cohort, member, True to add)."""
        return [
            (request.cohort, member, is_add)
            for request in self.simulator.history(since)
            for is_add, members in ((True, request.adds), (False, request.removes))
            for member in members
        ]

    def applied(self) -> int:
        """Return the number the next applied request will have."""
        return self.simulator.call(lambda simulator: simulator.workspace.history.next_number)

    def violations(self) -> int:
        found: Mapping[str, int] = self.simulator.stats()["violations"]
        return sum(count for name, count in found.items() if name not in self.excused)


@contextlib.contextmanager
def stage_at(
    bootstrap: str,
    folder: Path,
    create: Callable[[str, int], object],
    *,
    partitions: int = 1,
    timing: Document = SHORT,
    others: Sequence[str] = (),
) -> Iterator[Stage]:
    """Make a stage with its topics, and take it down again; `create` makes a topic."""
    settings = SimulatorSettings(
        partner="acme", partner_api_keys=(PARTNER_KEY,), client_secrets=(IMPORT_KEY,)
    )
    with SimulatorThread(settings) as simulator:
        stage = Stage(bootstrap, simulator, folder, timing)
        create(stage.topic, partitions)
        create(stage.letters_topic, 1)
        for name in others:
            create(name, 1)
        try:
            yield stage
        finally:
            stage.close()
        stage.check()
