"""What a reset or an adoption would write, and what that means, before anything is written.

Pure: decided from positions; the command shows it, asks, and has it written. It upholds G5 (a
replay barrier is never lowered), G6 (every mark written here says open) and G15.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from daemon.config.document import one_line
from daemon.config.durations import duration_text
from daemon.config.settings import Settings
from daemon.core.intent import TO_THE_END, Intent, Mark
from daemon.core.model import Partition
from daemon.errors import CohortdError
from daemon.tools.check.finding import count, listed
from daemon.tools.offsets.position import Position


@dataclass(frozen=True, slots=True)
class Plan:
    """The commits to write, and the lines that tell a person what follows from them."""

    intents: tuple[Intent, ...]
    lines: tuple[str, ...]


def reset(
    positions: Sequence[Position], partition: Partition, to: str | int, settings: Settings
) -> Plan:
    """Return how to continue `partition` of a topic, given all positions of that topic.

    Raise CohortdError where that can't be: with no such partition, with another destination's
    offset (G15), without any offset of the topic, or with an offset outside of the log.
    """
    position = _resettable(positions, partition, settings)
    offset = _target(position, to)
    mark = Mark(
        sent_to=_sent_to(position, offset),
        clean=False,
        topic_id=position.topic_id,
        fingerprint=settings.fingerprint,
    )
    lines = [
        (
            f"{partition}: committed offset {_told(position.offset)}, the log has {position.low} to"
            f" {position.high}; new offset {offset}"
        ),
        *_consequences(position, offset),
        _barrier(mark, offset, settings),
    ]
    return Plan((Intent(partition, offset, mark),), tuple(lines))


def adopt(positions: Sequence[Position], settings: Settings) -> Plan:
    """Return how to take over every offset that is not marked as ours; the offsets stay."""
    taken = [p for p in positions if _is_strange(p, settings.fingerprint)]
    intents = tuple(_adopted(position, settings.fingerprint) for position in taken)
    if not intents:
        return Plan((), ())
    whose = Counter(p.foreign(settings.fingerprint) for p in taken)
    told = ", ".join(f"{one_line(name or 'none', 16)} on {n:,}" for name, n in whose.items())
    braze = settings.braze
    prefix = settings.cohorts.id_prefix
    lines = [
        (
            f"group {settings.kafka.group_id}: {count(len(taken), 'partition')} to take over"
            f" (fingerprint {told}; this configuration's is {settings.fingerprint})"
        ),
        (
            f"The offsets stay as they are: what follows them is sent to {settings.braze_url},"
            f" partner {braze.partner}, workspace {braze.workspace},"
            f" {f'id prefix {prefix}' if prefix else 'no id prefix'}; what was before them is not,"
            " unless a partition is reset to an earlier offset."
        ),
        (
            "Nothing is removed: the members at the former destination stay there as they are, and"
            " get no more changes from this group."
        ),
        "A cohortd with the former configuration will not send from this group any more.",
        (
            f"After its next start cohortd sends nothing from them for {_settle(settings)}"
            " (delivery.settle)."
        ),
    ]
    parked = [f"{p.partition} ({p.parked()})" for p in taken if p.parked()]
    if parked:
        lines.append(f"Still parked, continue with `cohortd offsets reset`: {listed(parked)}.")
    return Plan(intents, tuple(lines))


def _resettable(
    positions: Sequence[Position], partition: Partition, settings: Settings
) -> Position:
    position = next((p for p in positions if p.partition == partition), None)
    if position is None:
        last = max(p.partition.number for p in positions)
        raise CohortdError(
            f"{partition}: topic {partition.topic} has no such partition; it has 0 to {last}"
        )
    owner = position.foreign(settings.fingerprint)
    if owner is not None:
        raise CohortdError(
            f"{partition}: its offset belongs to another destination (fingerprint {owner}, this"
            f" configuration's is {settings.fingerprint}); use the configuration it belongs to,"
            " or take the group over with `cohortd offsets adopt` first"
        )
    if all(p.committed is None for p in positions):
        raise CohortdError(
            f"{partition}: group {settings.kafka.group_id} has no offset of topic"
            f" {partition.topic} yet; it begins at `start` by itself, so there is nothing to reset"
        )
    return position


def _target(position: Position, to: str | int) -> int:
    if to == "earliest":
        return position.low
    if to == "latest":
        return position.high
    assert isinstance(to, int), to
    if not position.low <= to <= position.high:
        raise CohortdError(
            f"--to {to}: {position.partition} has offsets {position.low} to {position.high};"
            " choose one of these, earliest, or latest"
        )
    return to


def _sent_to(position: Position, offset: int) -> int:
    """Return how far this group may have sent of the log that is there now.

    The barrier at the log's end is the safe one where that is not known: when the topic was made
    anew, a daemon may have read on in the new log before it was parked.
    """
    mark = position.mark
    if mark is None or mark.sent_to == TO_THE_END or not position.same_log:
        return TO_THE_END
    return max(mark.sent_to, offset)


def _consequences(position: Position, offset: int) -> list[str]:
    """Return what is repeated, what is skipped, and what is gone anyway."""
    old, low, high = position.offset, position.low, position.high
    if old is None or position.made_anew:
        why = "Nothing was committed here" if old is None else "The topic was deleted and made anew"
        told = f"{why}, so it is not known what was delivered of this log."
        read = _offsets(offset, high, "are delivered, perhaps again") or ["No record is repeated."]
        return [told, *read, *_skipped(low, offset)]
    lines = []
    if old > high:
        lines.append(
            f"The log ends at {high}, before the committed offset: its end was lost, or the topic"
            " was made anew, so records that look delivered may not be."
        )
    if old < low:
        lines.append(
            f"Offsets {old} to {low - 1} are no longer in the log: what was not delivered of them"
            " is lost."
        )
    lines += _offsets(
        offset,
        min(old, high),
        "were committed already and are delivered again: of each member the last state only",
    )
    lines += _skipped(max(old, low), offset)
    return lines or ["No record is skipped, and none below the committed offset is repeated."]


def _skipped(first: int, end: int) -> list[str]:
    return _offsets(
        first,
        end,
        "are never delivered: a member that has no later change stays at Braze as it is",
    )


def _offsets(first: int, end: int, what: str) -> list[str]:
    if first >= end:
        return []
    return [f"Offsets {first} to {end - 1} (up to {count(end - first, 'record')}) {what}."]


def _barrier(mark: Mark, offset: int, settings: Settings) -> str:
    waits = f"After its next start cohortd sends nothing from it for {_settle(settings)}"
    if mark.sent_to == TO_THE_END:
        return f"{waits} (delivery.settle), and not before it has read to the log's end once."
    if mark.sent_to > offset:
        return (
            f"{waits} (delivery.settle), and not before it has read up to offset {mark.sent_to} or"
            " the log's end: that far it may have sent already."
        )
    return f"{waits} (delivery.settle)."


def _is_strange(position: Position, fingerprint: str) -> bool:
    if position.committed is None:
        return False
    return position.mark is None or position.foreign(fingerprint) is not None


def _adopted(position: Position, fingerprint: str) -> Intent:
    assert position.committed is not None
    mark = position.mark
    ours = Mark(
        sent_to=TO_THE_END if mark is None else mark.sent_to,
        clean=False,
        topic_id=position.topic_id if mark is None else mark.topic_id,
        fingerprint=fingerprint,
    )
    epoch = position.committed.leader_epoch
    return Intent(position.partition, position.committed.offset, ours, epoch)


def _settle(settings: Settings) -> str:
    return duration_text(settings.delivery.settle)


def _told(offset: int | None) -> str:
    return "none" if offset is None else str(offset)
