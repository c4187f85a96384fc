"""The command itself: read the last records of a topic, guess, print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import yaml
from pydantic import ValidationError

from daemon.config.inputs import InputSettings
from daemon.config.settings import Settings, load
from daemon.core.model import Partition
from daemon.errors import CohortdError, Problem, SettingsError
from daemon.formats.avro import Schemas
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Record, Run
from daemon.registry.library import AskingLibrary
from daemon.registry.setup import schema_library
from daemon.tools.check.finding import count
from daemon.tools.check.sample import read_last
from daemon.tools.folder import temporary_folder
from daemon.tools.init.guess import Guess, guess
from daemon.tools.init.opening import keys_of, open_all, values_of
from daemon.tools.init.text import lines_of
from daemon.tools.log.asking import asking


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What the command's options said."""

    bootstrap: str
    topic: str
    registry: str | None = None
    properties: tuple[str, ...] = ()  # NAME=VALUE, or NAME=@FILE.
    allow_plaintext: bool = False


def run(options: InitOptions) -> int:
    """Print a starter configuration.

    Raise SettingsError for options that can't be meant, CohortdError where Kafka does not tell.
    """
    kafka: dict[str, Any] = {"bootstrap_servers": options.bootstrap}
    if options.properties:
        kafka["properties"] = dict(map(_property, options.properties))
    if options.allow_plaintext:
        kafka["allow_plaintext"] = True
    with _settings(kafka, options) as settings:
        runs = _sample(settings, options.topic)
        library = schema_library(settings)
        schemas: Schemas | None = None if library is None else AskingLibrary(library)
        records = [record for run_ in runs for record in run_.records]
        made = guess(
            options.topic,
            open_all(keys_of(records), schemas),
            open_all(values_of(records), schemas),
        )
        seen = list(_seen(made, runs, schemas))
    for line in lines_of(kafka, options.registry, made, seen):
        print(line)
    return 0


def _property(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingsError([Problem("--property", "is not NAME=VALUE", "or NAME=@FILE")])
    return name, {"file": value[1:]} if value.startswith("@") else value


@contextmanager
def _settings(kafka: Mapping[str, Any], options: InitOptions) -> Iterator[Settings]:
    """Give settings to ask Kafka and the registry with; nothing else of them is used."""
    entry = {"topic": options.topic, "encoding": "avro" if options.registry else "json"}
    document: dict[str, Any] = {
        "kafka": {**kafka, "group_id": "cohortd-init"},  # Never joined, and never asked about.
        "inputs": [entry],
        "start": "earliest",
        "braze": {
            "cluster": "US-01",
            "partner": "none",
            "partner_api_key": "unused",
            "data_import_key": "unused",
        },
    }
    if options.registry:
        document["schema_registry"] = {"url": options.registry}
    with temporary_folder("cohortd-init-") as folder:
        file = folder / "asking.yaml"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(document))
        yield load([file], {})


def _sample(settings: Settings, topic: str) -> list[Run]:
    with asking(settings) as cluster:
        cluster.connect()
        told = cluster.consumer.list_topics(topic, timeout=cluster.limit_s()).topics[topic]
        if told.error is not None:
            raise CohortdError(f"topic {topic}: {told.error.str()}; correct --topic, or create it")
        ranges = cluster.ranges([Partition(topic, number) for number in sorted(told.partitions)])
        sample = read_last(cluster, ranges)
    for partition, fault in sample.faults.items():
        raise CohortdError(f"{partition} can't be read: {fault}; see whether this user may Read it")
    runs: list[Run] = []
    for partition, messages in sorted(sample.records.items()):
        records = cast("list[Record]", messages)
        runs.append(Run(partition, records, records[0].offset(), records[-1].offset() + 1))
    if not runs:
        raise CohortdError(f"topic {topic} has no records to guess from; try again with some in it")
    return runs


def _seen(made: Guess, runs: Sequence[Run], schemas: Schemas | None) -> Iterator[str]:
    """Say what the guess makes of the sample, by the daemon's own decoders."""
    records = sum(len(run_.records) for run_ in runs)
    if not made.complete:
        yield f"{count(records, 'record')} looked at; not tried, since columns are missing"
        return
    try:
        entry = InputSettings.model_validate(made.entry)
    except ValidationError:
        yield f"{count(records, 'record')} looked at; not tried, since something is missing"
        return
    if entry.needs_registry and schemas is None:
        yield f"{count(records, 'record')} looked at; not tried without a schema registry"
        return
    decoder = compile_input(entry, None, schemas)
    changes = 0
    others: Counter[str] = Counter()
    for run_ in runs:
        decoded = decoder.decode(run_)
        changes += decoded.change_set.count
        others.update({f"ignored ({rule})": n for rule, n in decoded.ignored.items()})
        others.update(f"rejected ({reject.reason})" for reject in decoded.rejects)
    parts = [count(changes, "change"), *(f"{n} {told}" for told, n in others.items())]
    yield f"{count(records, 'record')} would become {', '.join(parts)}"
