"""What holds between the inputs, the dead-letter topic and the schema registry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from daemon.config.inputs import InputSettings
from daemon.config.noted import Noted, Values
from daemon.config.sections import DeadLetterSettings
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


def check_dead_letters(values: Values, top: type[Noted]) -> Iterator[Problem]:
    """A dead letter must not be read as a record."""
    topic = values.get(DeadLetterSettings, "topic", object)
    if not isinstance(topic, str):
        return
    for number, each in enumerate(values.get(top, "inputs", tuple)):
        if _takes(each, topic):
            what = f"is read by inputs[{number}], so that a dead letter would be read again"
            yield Problem("dead_letter.topic", what, "name another topic, or narrow the input")


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
