"""What a letter says by the present configuration: its changes, or why it is still none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from daemon.assembly import decoder_of, takes
from daemon.config.inputs import InputSettings
from daemon.config.settings import Settings
from daemon.core.model import Member, Partition
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from daemon.kafka.records import Record, Run
from daemon.tools.dlq.letter import DeadLetter

Who: TypeAlias = tuple[str, Member]  # A member of a cohort.

_FLATTENED = "debezium-flattened"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one letter says. Exactly one of the parts is there."""

    changes: tuple[tuple[Who, bool], ...] = ()
    reason: str = ""  # Of a reject.
    detail: str = ""
    rule: str = ""  # That ignores it.

    @property
    def cohorts(self) -> tuple[str, ...]:
        """The cohorts it is about."""
        return tuple(dict.fromkeys(cohort for (cohort, _), _ in self.changes))


class Readers:
    """The daemon's own decoders, for records of the inputs and for letters made by it."""

    def __init__(self, settings: Settings) -> None:
        self._inputs = settings.inputs
        self._decoder_of = decoder_of(settings)
        self._native = compile_input(InputSettings(topic="made"))

    def input_of(self, topic: str) -> InputSettings | None:
        """Return the input that takes a topic, None where none does."""
        return next((entry for entry in self._inputs if takes(entry, topic)), None)

    def read(self, letter: DeadLetter) -> Reading:
        """Return what it says now. Its source must be in an input."""
        assert letter.source is not None
        decoder = self._native if letter.made else self._decoder_of(letter.source.topic)
        return _read(decoder, letter.source, letter.record)

    def offsets(self, run: Run, wanted: set[Who]) -> Iterable[tuple[Who, int]]:
        """Yield each place in a run at which one of these members changes."""
        decoder = self._decoder_of(run.partition.topic)
        said = decoder.decode(run).change_set.changes
        if not any((cohort, m) in wanted for cohort, members in said.items() for m in members):
            return
        for record in run.records:
            for who, _ in _read(decoder, run.partition, record).changes:
                if who in wanted:
                    yield who, record.offset()


def written_by_a_connector(entry: InputSettings) -> bool:
    """Tell whether a source keeps this topic as its own, so that nobody else may write to it."""
    flattened = any(mapping.preset == _FLATTENED for mapping in entry.mapping)
    return entry.format in ("debezium", "upsert") or flattened


def _read(decoder: Decoder, partition: Partition, record: Record) -> Reading:
    offset = record.offset()
    decoded = decoder.decode(Run(partition, [record], offset, offset + 1))
    if decoded.rejects:
        return Reading(reason=decoded.rejects[0].reason, detail=decoded.rejects[0].detail)
    changes = decoded.change_set.changes.items()
    said = tuple(
        ((cohort, member), add) for cohort, members in changes for member, add in members.items()
    )
    if said:
        return Reading(said)
    return Reading(rule=next(iter(decoded.ignored), "ignored"))
