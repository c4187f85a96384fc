"""What holds between the inputs, the dead-letter topic and the schema registry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from daemon.config.inputs import InputSettings
from daemon.config.noted import Noted, Values
from daemon.config.sections import CohortsSettings, DeadLetterSettings
from daemon.errors import Problem


def check_topics(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """A topic in two inputs would be read in two ways; patterns are compared with names only."""
    inputs: tuple[InputSettings, ...] = values.get(top, "inputs", tuple)
    for second, later in enumerate(inputs):
        for first, earlier in enumerate(inputs[:second]):
            if _overlap(earlier, later):
                key = "topic" if later.topic is not None else "pattern"
                what = f"takes a topic that inputs[{first}] takes already"
                yield Problem(f"inputs[{second}].{key}", what, "a topic stands in one input only")


def check_own_topics(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """What we write ourselves must not be read as a record, and each has a topic of its own."""
    letters = values.get(DeadLetterSettings, "topic", object)
    names = values.get(CohortsSettings, "names_topic", object)
    inputs = values.get(top, "inputs", tuple)
    for where, topic, what in (
        ("dead_letter.topic", letters, "a dead letter"),
        ("cohorts.names_topic", names, "a remembered name"),
    ):
        for number, each in enumerate(inputs if isinstance(topic, str) else ()):
            if _takes(each, str(topic)):
                said = f"is read by inputs[{number}], so that {what} would be read as a record"
                yield Problem(where, said, "name another topic, or narrow the input")
    if isinstance(names, str) and names == letters:
        said = "is dead_letter.topic too, and must be compacted, which a dead letter would not last"
        yield Problem("cohorts.names_topic", said, "name another topic")


def _overlap(one: InputSettings, other: InputSettings) -> bool:
    if one.pattern is not None and one.pattern == other.pattern:
        return True
    return any(
        name is not None and _takes(taker, name)
        for name, taker in ((one.topic, other), (other.topic, one))
    )


def _takes(each: InputSettings, topic: str) -> bool:
    if each.pattern is not None:
        return re.fullmatch(each.pattern, topic) is not None
    return each.topic == topic


def check_registry(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """Avro is read by schemas that stand in a registry."""
    if values.get(top, "schema_registry", object) is not None:
        return
    for number, each in enumerate(values.get(top, "inputs", tuple)):
        if each.needs_registry:
            where = "encoding" if each.encoding == "avro" else "key_encoding"
            what = f"inputs[{number}].{where} is avro, and there is no registry to ask for schemas"
            yield Problem("schema_registry", what, "set schema_registry.url")
