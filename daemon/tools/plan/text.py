"""The plan for a person: a line for each cohort, aligned, and what else is to be known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from daemon.config.document import one_line
from daemon.core.model import Changes
from daemon.tools.check.finding import count
from daemon.tools.plan.document import id_of
from daemon.tools.plan.plan import Plan

COHORTS_MAX: Final = 200  # Lines; the JSON has all of them.
STANDS_MAX: Final = 20
_NAME_CHARS_MAX: Final = 60
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600

Rows = Sequence[Sequence[str]]


def lines_of(plan: Plan, ids: Mapping[str, Changes]) -> Iterator[str]:
    """Yield the lines to print; ids only of those given."""
    yield from _head(plan)
    yield from _cohorts(plan, ids)
    yield from _rest(plan)
    yield from _trouble(plan)


def _head(plan: Plan) -> Iterator[str]:
    settings, tally = plan.settings, plan.tally
    start = settings.model_dump(mode="json")["start"]
    where = "the committed offsets" if plan.begun else f"start: {start}, since it has no offset"
    yield f"group {settings.kafka.group_id}: what waits from {where}, to the end"
    told = f"{count(tally.records, 'record')} in {count(plan.partitions, 'partition')}"
    parts = [f"{count(tally.changes, 'change')}"]
    if plan.glob is None:
        parts.append(f"{plan.superseded:,} superseded by later ones")
    rejected = sum(kind.count for kind in plan.rejects())
    parts += [f"{tally.ignored.total():,} ignored", f"{rejected:,} rejected"]
    yield f"{told}: {', '.join(parts)}"


def _cohorts(plan: Plan, ids: Mapping[str, Changes]) -> Iterator[str]:
    yield ""
    every = plan.cohorts()
    if not every:
        yield "nothing would be sent"
        return
    rows = [["cohort", "name", "adds", "removes", "requests"]]
    for cohort, cost in every[:COHORTS_MAX]:
        names = (one_line(t, _NAME_CHARS_MAX) for t in (plan.at_braze(cohort), plan.called(cohort)))
        rows.append([*names, f"{cost.adds:,}", f"{cost.removes:,}", f"{cost.requests:,}"])
    lines = aligned(rows, right=3)
    yield lines[0]
    for (cohort, cost), line in zip(every[:COHORTS_MAX], lines[1:], strict=True):
        yield line
        shown = ids.get(cohort, {})
        for member, add in shown.items():
            yield f"    {'add' if add else 'remove'} {json.dumps(id_of(member))}"
        if shown and cost.members > len(shown):
            yield f"    and {cost.members - len(shown):,} more; --format json shows all"
    if len(every) > COHORTS_MAX:
        yield f"and {count(len(every) - COHORTS_MAX, 'cohort')} more; --format json shows all"
    price, hourly = plan.price, plan.settings.delivery.requests_per_hour
    yield ""
    yield (
        f"{count(price.requests, 'request')} in all ({price.announcements:,} to announce cohorts),"
        f" {price.share:.1%} of an hour's {hourly:,}; the quota alone makes that"
        f" {time_text(price.time_s)}"
    )


def _rest(plan: Plan) -> Iterator[str]:
    if plan.tally.ignored:
        yield ""
        yield "ignored:"
        for (topic, rule), number in sorted(plan.tally.ignored.items()):
            yield f"  {topic}: {rule} {number:,}"
    rejects = plan.rejects()
    if rejects:
        yield ""
        yield "rejected, each a dead letter:"
        for kind in rejects:
            told = f"{kind.topic}: {kind.reason} {kind.count:,}: {kind.detail}"
            yield f"  {one_line(told, 300)} (at {', '.join(kind.examples)})"


def _trouble(plan: Plan) -> Iterator[str]:
    strays = plan.strays
    if strays.strays:
        part = "" if strays.one_in == 1 else f" looked at, one in {strays.one_in}"
        yield ""
        yield (
            f"warning: the changes of {strays.strays:,} of {count(strays.members, 'member')}{part}"
            " stand in more than one partition, so no order holds between them, and each is counted"
            " twice above; `cohortd check --keys` says where"
        )
    if plan.stands or plan.missing:
        yield ""
    stands = sorted(plan.stands.items())
    for partition, why in stands[:STANDS_MAX]:
        yield f"problem: {partition} would stand still: {why}"
    if len(stands) > STANDS_MAX:
        yield f"problem: and {count(len(stands) - STANDS_MAX, 'partition')} more"
    for told in plan.missing:
        yield f"problem: topic {told} can't be read: correct inputs, or create it"


def aligned(rows: Rows, right: int) -> list[str]:
    """Return the rows as lines; the last `right` columns are numbers."""
    width = len(rows[0])
    widths = [max(len(row[at]) for row in rows) for at in range(width)]

    def cell(text: str, at: int) -> str:
        return text.rjust(widths[at]) if at >= width - right else text.ljust(widths[at])

    return ["  ".join(cell(text, at) for at, text in enumerate(row)).rstrip() for row in rows]


def time_text(seconds: float) -> str:
    """Return a time to the minute, or second where it is short."""
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"
