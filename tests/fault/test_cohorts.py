"""Rows 66 and 72: cohorts that can't be created at first, and cohorts with hostile ids."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, cast

from tests.support.stage import add

if TYPE_CHECKING:
    from confluent_kafka import Message

    from tests.support.stage import Stage

HOSTILE = ["two\nlines", "\x1b[31mred\x1b[0m", '"}\n{"event":"forged"}', "back\\slash", "\u2028"]


def test_a_cohort_is_created_before_its_first_members_whoever_fails_and_repeats(
    wide_stage: Stage,
) -> None:
    stage = wide_stage
    stage.simulator.set_faults("status=503,endpoint=cohorts,count=6")
    daemons = [stage.start(), stage.start()]
    for daemon in daemons:
        daemon.wait_for("it has two", lambda status: len(status["partitions"]) == 2)

    for partition in range(4):
        stage.produce(add("vip", f"u{partition}", cohort_name="VIPs"), partition=partition)
    stage.wait_members(vip={"u0", "u1", "u2", "u3"})

    seen = [(r.endpoint, r.outcome) for r in stage.simulator.seen() if r.cohort == "vip"]
    created = seen.index(("cohorts", "201"))
    assert [outcome for _, outcome in seen[:created]].count("503") == created > 0
    assert seen.count(("cohorts", "201")) == 2  # Each process says it once; that is harmless.
    assert stage.simulator.names() == {"vip": "VIPs"}


def test_hostile_cohort_ids_cost_neither_series_nor_lines(stage: Stage) -> None:
    changes = {"delivery.requests_per_hour": 10_000_000, "metrics.max_cohorts": 50}
    ids = [f"{text}{number}" for number in range(60) for text in HOSTILE]
    daemon = stage.start(changes)

    stage.produce(*(add(cohort, "u") for cohort in ids))
    stage.produce(add("x" * 65_536, "u"), add("x" * 257, "u"), add("witness", "u"))

    stage.wait_members({cohort: {"u"} for cohort in [*ids, "witness"]}, timeout_s=60.0)
    assert [reason(letter) for letter in stage.letters(2)] == ["id_too_long"] * 2
    page = daemon.get("/metrics")[1]
    rows = [line for line in page.splitlines() if line and not line.startswith("#")]
    of_cohorts = [row for row in rows if row.startswith("cohortd_changes_delivered_total{")]
    assert len(rows) <= 2_000
    assert 50 <= len(of_cohorts) <= 2 * 52  # Adds and removals; named, and all others as one.
    assert len(page) <= 1024 * 1024
    began_s = time.monotonic()
    json.loads(daemon.get("/status")[1])
    assert time.monotonic() - began_s < 10.0
    announced = [line["cohort"] for line in daemon.log_lines("cohort_announced")]
    assert len(announced) == len(ids) + 1  # One line each, and `log_lines` reads every line.
    assert not daemon.log_lines("forged")
    assert all(line.isprintable() for line in daemon.output().splitlines())


def reason(letter: Message) -> str:
    headers = dict(cast("list[tuple[str, bytes]]", letter.headers() or []))
    return headers["cohortd.reason"].decode()
