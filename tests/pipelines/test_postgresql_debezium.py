"""docs/pipelines/postgresql-debezium.md, with a real PostgreSQL and Debezium's own connector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pipelines.documented import Page
from tests.support.processes import wait_until
from tests.support.topics import unique

if TYPE_CHECKING:
    from tests.support.debezium import ChangeCapture
    from tests.support.stage import Stage

# What is a place rather than a choice: the test's own server, and names that are its own.
_PLACES = ("connector.class", "topic.prefix", "table.include.list")


def test_the_cohorts_equal_the_table_whatever_happens_to_its_rows(
    connect: ChangeCapture, stage: Stage
) -> None:
    table = unique("membership").replace("-", "_")
    page = Page.named("postgresql-debezium").renamed(cohort_membership=table)
    connect.sql("".join(page.blocks("sql")))
    connect.sql(
        f"INSERT INTO {table} (cohort_id, user_id, status) SELECT 'c' || n % 3, n,"
        f" CASE WHEN n % 5 = 0 THEN 'left' ELSE 'active' END FROM generate_series(1, 60) n"
    )
    choices = {name: value for name, value in page.properties.items() if name not in _PLACES}
    topic = connect.capture(table, **choices)
    page = page.renamed(**{f"shop.public.{table}": topic})

    def members() -> dict[str, set[str]]:
        rows = connect.sql(f"SELECT cohort_id, user_id FROM {table} WHERE status = 'active'")
        found: dict[str, set[str]] = {}
        for line in rows.splitlines():
            cohort, user = line.split("|")
            found.setdefault(cohort, set()).add(user)
        return found

    def equal() -> bool:
        found = stage.simulator.cohorts()
        return {cohort: set(users) for cohort, users in found.items() if users} == members()

    try:
        daemon = stage.start(page.changes())
        wait_until("the snapshot is delivered", equal, 60.0)

        connect.sql(f"DELETE FROM {table} WHERE user_id IN (1, 2)")
        connect.sql(f"UPDATE {table} SET cohort_id = 'c9' WHERE user_id IN (3, 4)")
        connect.sql(f"UPDATE {table} SET user_id = user_id + 9000000000000000000 WHERE user_id = 6")
        connect.sql(f"UPDATE {table} SET status = 'left' WHERE user_id BETWEEN 7 AND 12")
        # Out and in again under another surrogate key: what the key of the record is there for.
        connect.sql(f"DELETE FROM {table} WHERE user_id BETWEEN 20 AND 40")
        connect.sql(
            f"INSERT INTO {table} (cohort_id, user_id)"
            f" SELECT 'c' || n % 3, n FROM generate_series(20, 40) n"
        )
        wait_until("the changes are delivered", equal, 60.0)

        assert daemon.terminate() == 0
        assert not daemon.log_lines("record_rejected")
        assert not daemon.log_lines("lanes_disagree")
        assert "9000000000000000006" in stage.simulator.members("c0")
    finally:
        connect.remove(topic)
