"""The plan as JSON, one object; docs/plan.md describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from daemon.core.model import Alias, Changes, Device, Member
from daemon.tools.plan.plan import Plan


def document_of(plan: Plan, ids: Mapping[str, Changes] | None) -> str:
    """Return the text; with `ids`, each cohort's members stand in it (G13: only when asked)."""
    settings, tally, price = plan.settings, plan.tally, plan.price
    start = settings.model_dump(mode="json")["start"]
    document = {
        "group": settings.kafka.group_id,
        "from": "committed" if plan.begun else start,
        "partitions": {"all": plan.partitions, "with_offset": plan.begun},
        "records": tally.records,
        "changes": tally.changes,
        "members": tally.members,
        "adds": sum(cost.adds for cost in tally.costs.values()),
        "removes": sum(cost.removes for cost in tally.costs.values()),
        "requests": price.requests,
        "announcements": price.announcements,
        "quota": {
            "requests_per_hour": settings.delivery.requests_per_hour,
            "share": round(price.share, 6),
            "seconds": round(price.time_s, 1),
        },
        "cohort_glob": plan.glob,
        "cohorts": _cohorts(plan, ids),
        "ignored": [
            {"topic": topic, "rule": str(rule), "count": count}
            for (topic, rule), count in sorted(tally.ignored.items())
        ],
        "rejected": [
            {
                "topic": kind.topic,
                "reason": kind.reason,
                "detail": kind.detail,
                "count": kind.count,
                "examples": kind.examples,
            }
            for kind in plan.rejects()
        ],
        "stands_still": [
            {"partition": str(partition), "why": why}
            for partition, why in sorted(plan.stands.items())
        ],
        "missing_topics": list(plan.missing),
        "members_in_two_partitions": {"count": plan.strays.strays, "of": plan.strays.members},
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _cohorts(plan: Plan, ids: Mapping[str, Changes] | None) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for cohort, cost in plan.cohorts():
        entry: dict[str, Any] = {
            "cohort_id": cohort,
            "braze_cohort_id": plan.at_braze(cohort),
            "name": plan.called(cohort),
            "adds": cost.adds,
            "removes": cost.removes,
            "requests": cost.requests,
        }
        if ids is not None:
            changes = ids.get(cohort, {})
            entry["add_ids"] = [id_of(member) for member, add in changes.items() if add]
            entry["remove_ids"] = [id_of(member) for member, add in changes.items() if not add]
        entries.append(entry)
    return entries


def id_of(member: Member) -> dict[str, Any]:
    """Return a member as a native event names it."""
    match member:
        case Alias(name, label):
            return {"alias": {"name": name, "label": label}}
        case Device(id_):
            return {"device_id": id_}
        case _:
            return {"external_id": member}
