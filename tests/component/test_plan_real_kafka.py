"""`cohortd plan` on a real Apache Kafka: what it leaves behind, and aborted transactions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.tools.plan import PlanOptions, run
from daemon.tools.plan.command import make_plan
from tests.support.configs import load_with
from tests.support.stage import add
from tests.support.topics import (
    TIMEOUT_S,
    admin_of,
    create_topic,
    produce,
    produce_transaction,
    unique,
)

pytestmark = pytest.mark.kafka


def test_a_plan_leaves_no_group_behind_and_reads_what_is_committed_to_the_log(
    kafka: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, group = create_topic(kafka, 2), unique("group")
    produce_transaction(kafka, topic, [add("vip", "u1")], commit=True)
    produce_transaction(kafka, topic, [add("vip", "aborted")], commit=False)
    produce(kafka, topic, [add("vip", "u2"), add("vip", "u1")], partition=1)
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": group,
            "inputs": [{"topic": topic}],
            "dead_letter.topic": None,
        },
    )

    code = run(settings, PlanOptions(as_json=True, show_ids=True))

    found = json.loads(capsys.readouterr().out)
    assert (code, found["records"]) == (0, 3)
    users = [who["external_id"] for who in found["cohorts"][0]["add_ids"]]
    assert sorted(users) == ["u1", "u2"]
    assert found["members_in_two_partitions"] == {"count": 1, "of": 2}
    admin = admin_of(kafka)
    groups = admin.list_consumer_groups().result(TIMEOUT_S)
    assert group not in {each.group_id for each in groups.valid}


def test_small_partitions_are_planned_together_and_all_of_them(kafka: str, tmp_path: Path) -> None:
    topic = create_topic(kafka, 40)
    for number in range(40):
        produce(kafka, topic, [add("vip", f"u{number}")], partition=number)
    settings = load_with(
        tmp_path,
        {
            "kafka.bootstrap_servers": kafka,
            "kafka.group_id": unique("group"),
            "inputs": [{"topic": topic}],
            "dead_letter.topic": None,
        },
    )

    plan = make_plan(settings)

    assert (plan.tally.records, plan.tally.members, plan.price.updates) == (40, 40, 1)
    assert plan.strays.strays == 0
