"""A table in PostgreSQL, captured by Debezium, and the cohorts at Braze: equal at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.processes import wait_until
from tests.support.stage import Stage, stage_at
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.debezium import ChangeCapture

MAPPING = {
    "cohort_id": {"column": "cohort_id"},
    "cohort_name": {"column": "cohort_name"},
    "external_id": {"column": "external_id"},
    "member_when": {"column": "status", "in": ["active"]},
    "occurred_at": {"column": "updated_at"},
}


class Table:
    """A membership table, its connector, and what it says who is where."""

    def __init__(self, connect: ChangeCapture) -> None:
        self.name = unique("membership").replace("-", "_")
        self._connect = connect
        self.topic = ""

    def sql(self, text: str) -> str:
        return self._connect.sql(text.replace("$T", f"public.{self.name}"))

    def members(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        rows = self.sql("SELECT cohort_id, external_id FROM $T WHERE status = 'active'")
        for line in rows.splitlines():
            cohort, user = line.split("|")
            found.setdefault(cohort, set()).add(user)
        return found

    def create(self, columns: str) -> None:
        self.sql(f"CREATE TABLE $T ({columns}); ALTER TABLE $T REPLICA IDENTITY FULL")

    def capture(self) -> None:
        self.topic = self._connect.capture(self.name)

    def remove(self) -> None:
        if self.topic:
            self._connect.remove(self.topic)


@pytest.fixture
def table(connect: ChangeCapture) -> Iterator[Table]:
    table = Table(connect)
    yield table
    table.remove()


@pytest.fixture
def table_stage(kafka: str, tmp_path: Path) -> Iterator[Stage]:
    def create(topic: str, partitions: int) -> None:
        create_topic(kafka, partitions, name=topic)

    with stage_at(kafka, tmp_path, create) as stage:
        yield stage


def wait_equal(stage: Stage, table: Table) -> None:
    """Return when Braze's cohorts are the table; an empty cohort is as good as none."""
    expected = table.members()

    def equal() -> bool:
        found = stage.simulator.cohorts()
        return {cohort: set(users) for cohort, users in found.items() if users} == expected

    try:
        wait_until("the cohorts equal the table", equal, 60.0)
    except AssertionError as late:
        log = stage.daemons[-1].output()[-4000:]
        raise AssertionError(
            f"{late}\nwanted {expected}\nfound {stage.simulator.cohorts()}\n{log}"
        ) from None


def test_cohorts_equal_the_table_through_restarts_and_kills(
    table: Table, table_stage: Stage
) -> None:
    stage = table_stage
    table.create(
        "cohort_id text, external_id text, cohort_name text, status text NOT NULL,"
        " updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (cohort_id, external_id)"
    )
    table.sql(
        "INSERT INTO $T SELECT 'c' || n % 3, 'u' || n, 'Cohort ' || n % 3,"
        " CASE WHEN n % 5 = 0 THEN 'paused' ELSE 'active' END FROM generate_series(1, 60) n"
    )
    table.capture()
    changes = {"inputs": [{"topic": table.topic, "format": "debezium", "mapping": MAPPING}]}
    daemon = stage.start(changes)
    wait_equal(stage, table)  # The snapshot.
    assert stage.simulator.names()["c1"] == "Cohort 1"

    table.sql("INSERT INTO $T VALUES ('c1', 'new', 'Cohort 1', 'active')")
    table.sql("UPDATE $T SET status = 'active' WHERE external_id = 'u5'")
    table.sql("UPDATE $T SET status = 'paused' WHERE external_id = 'u7'")
    table.sql("DELETE FROM $T WHERE external_id = 'u8'")
    wait_equal(stage, table)
    assert "u8" not in stage.simulator.members("c2")

    assert daemon.terminate() == 0
    table.sql("UPDATE $T SET cohort_id = 'c2', cohort_name = 'Cohort 2' WHERE external_id = 'u1'")
    table.sql("UPDATE $T SET external_id = 'u2-renamed' WHERE external_id = 'u2'")  # The key.
    daemon = stage.start(changes)
    wait_equal(stage, table)
    assert "u2" not in stage.simulator.members("c2")

    table.sql("UPDATE $T SET cohort_id = 'c9', cohort_name = 'Nine' WHERE cohort_id = 'c0'")
    daemon.kill()
    table.sql("UPDATE $T SET status = 'active'")
    table.sql("DELETE FROM $T WHERE external_id IN ('u3', 'u4')")
    table.sql("INSERT INTO $T VALUES ('c1', 'u4', 'Cohort 1', 'active')")  # Gone, and back.
    daemon = stage.start(changes)
    wait_equal(stage, table)
    assert stage.simulator.members("c0") == set()
    daemon.wait_for("nothing is pending", lambda status: not status["pending"])
    assert daemon.terminate() == 0
    assert not any(each.log_lines("record_rejected") for each in stage.daemons)


def test_a_row_that_moves_leaves_its_old_cohort_though_its_key_stays(
    table: Table, table_stage: Stage
) -> None:
    stage = table_stage
    table.create(
        "id int PRIMARY KEY, cohort_id text, cohort_name text, external_id text,"
        " status text, updated_at timestamptz NOT NULL DEFAULT now()"
    )
    table.sql("INSERT INTO $T SELECT n, 'a', 'A', 'u' || n, 'active' FROM generate_series(1, 20) n")
    table.capture()
    daemon = stage.start(
        {"inputs": [{"topic": table.topic, "format": "debezium", "mapping": MAPPING}]}
    )
    wait_equal(stage, table)

    table.sql("UPDATE $T SET cohort_id = 'b', cohort_name = 'B' WHERE id % 2 = 0")
    table.sql("UPDATE $T SET external_id = 'v' || id WHERE id % 3 = 0")
    table.sql("UPDATE $T SET status = NULL WHERE id = 5")
    table.sql("DELETE FROM $T WHERE id = 7")

    wait_equal(stage, table)
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")
