"""What a dead letter says: the record untouched, or a member's change made anew, and why.

Header names are Kafka Connect's (KIP-298), so that existing tools read them, and a few of ours.
No credential and no member id stands in a header (G13).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from daemon.core.model import Alias, Device, Flush, Member, Outcome, Partition
from daemon.kafka.records import Headers, Letter, Reason, Reject

CONNECT = "__connect.errors."

REASON = "cohortd.reason"
REPLAYS = "cohortd.replays"
MADE = "cohortd.made"
OFFSETS = "cohortd.offsets"  # The range of offsets, as `first-last`, a made letter comes from.

_STAGE_READ = "VALUE_CONVERTER"
_STAGE_SENT = "TASK_PUT"


class DeadLetters:
    """Makes the letters of records that can't be used, and of members that Braze refused."""

    def of_record(self, reject: Reject) -> Letter:
        """Return the record's own key, value and headers, and behind those the reason."""
        headers = [
            *((name, value) for name, value in reject.headers if not is_ours(name)),
            *_where(reject.partition, reject.offset),
            *_why(_STAGE_READ, reject.reason, reject.detail),
            (REPLAYS, _replays(reject.headers)),
        ]
        return Letter(reject.key, reject.value, headers)

    def of_refusal(self, flush: Flush, outcome: Outcome) -> Iterable[tuple[str, Letter]]:
        """Yield a native event for each member refused, replayable where the input is native."""
        for refusal in outcome.refused:
            reason = Reason.GAVE_UP if refusal.reason == "gave_up" else Reason.REFUSED
            for member, add in refusal.changes.items():
                headers = [
                    *_lane_of(flush, member),
                    *_why(_STAGE_SENT, reason, refusal.detail),
                    (MADE, b"true"),
                    (REPLAYS, b"0"),
                ]
                name = flush.name if flush.name != flush.cohort else None
                event = native_event(flush.cohort, member, add=add, name=name)
                yield reason, Letter(native_key(flush.cohort, member), event, headers)


def _where(partition: Partition, offset: int) -> Headers:
    return [
        (f"{CONNECT}topic", partition.topic.encode()),
        (f"{CONNECT}partition", b"%d" % partition.number),
        (f"{CONNECT}offset", b"%d" % offset),
    ]


# A log with a mistake in it has it thousands of times.
@lru_cache(maxsize=256)
def _why(stage: str, reason: Reason, detail: str) -> Headers:
    return [
        (f"{CONNECT}stage", stage.encode()),
        (f"{CONNECT}exception.class.name", f"cohortd.{reason}".encode()),
        (f"{CONNECT}exception.message", detail.encode()),
        (REASON, reason.encode()),
    ]


def _lane_of(flush: Flush, member: Member) -> Headers:
    lane = next(lane for lane in flush.lanes if member in lane.changes)
    offsets = f"{lane.floor}-{lane.top - 1}"
    return [
        *_where(lane.partition, lane.floor),
        (OFFSETS, offsets.encode()),
    ]


def is_ours(name: str) -> bool:
    """Tell a header that a journey through the dead-letter topic has left."""
    return name.startswith((CONNECT, "cohortd."))


def _replays(headers: Headers) -> bytes:
    return next((value or b"0" for name, value in headers if name == REPLAYS), b"0")


def native_event(cohort: str, member: Member, *, add: bool, name: str | None = None) -> bytes:
    """Return a change as a native event."""
    event: dict[str, object] = {"cohort_id": cohort, "op": "add" if add else "remove"}
    if name is not None:
        event["cohort_name"] = name
    if isinstance(member, Alias):
        event["alias"] = {"name": member.name, "label": member.label}
    elif isinstance(member, Device):
        event["device_id"] = member.id
    else:
        event["external_id"] = member
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def native_key(cohort: str, member: Member) -> bytes:
    """Return a key that is the same for all changes of one member of one cohort."""
    parts = [member] if isinstance(member, str) else [type(member).__name__, *member]
    return json.dumps([cohort, *parts], ensure_ascii=False, separators=(",", ":")).encode()
