"""What a person writes behind `reset`: which partition, and where to."""

from __future__ import annotations

import re

from daemon.config.document import one_line
from daemon.config.settings import Settings
from daemon.core.model import Partition
from daemon.errors import Problem, SettingsError
from daemon.tools.log.places import is_offset, is_partition


def parse_partition(text: str, settings: Settings) -> Partition:
    """Return the partition of `TOPIC:PARTITION`; raise SettingsError unless an input takes it."""
    topic, _, number = text.rpartition(":")
    if not topic or not is_partition(number):
        what = f"{one_line(text)} is not a partition"
        raise SettingsError([Problem("TOPIC:PARTITION", what, "write it like cohort.membership:3")])
    if not any(_takes(entry.topic, entry.pattern, topic) for entry in settings.inputs):
        names = ", ".join(str(entry.topic or entry.pattern) for entry in settings.inputs)
        what = f"topic {one_line(topic)} is in no input of this configuration"
        raise SettingsError([Problem("TOPIC:PARTITION", what, f"the inputs are {one_line(names)}")])
    return Partition(topic, int(number))


def parse_to(text: str) -> str | int:
    """Return `earliest`, `latest` or an offset; raise SettingsError for anything else."""
    if text in ("earliest", "latest"):
        return text
    if not is_offset(text):
        what = f"{one_line(text)} is no place in a log"
        raise SettingsError([Problem("--to", what, "write earliest, latest or an offset")])
    return int(text)


def _takes(name: str | None, pattern: str | None, topic: str) -> bool:
    return name == topic if name is not None else re.fullmatch(pattern or "", topic) is not None
