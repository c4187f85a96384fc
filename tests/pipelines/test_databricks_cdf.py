"""docs/pipelines/databricks-cdf.md, with the rows of a change data feed, written by kcat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.pipelines.membership import Row, Table, What
from tests.support import kcat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipelines.conftest import Pipeline


def _feed(what: What, before: Row | None, after: Row | None) -> Iterator[tuple[str, Any]]:
    """Yield what the feed shows of a change. The page's table has no status."""
    images = {
        "insert": (("insert", after),),
        "delete": (("delete", before),),
        "update": (("update_preimage", before), ("update_postimage", after)),
    }
    for change_type, row in images[what]:
        assert row is not None
        feed = {"_change_type": change_type, "_commit_version": 7}
        yield row.user, {"cohort_id": row.cohort, "user_id": row.user} | feed


def test_the_cohorts_equal_the_table(pipeline: Pipeline) -> None:
    topic = pipeline.topic("lake.membership_changes")
    table = Table(seed=2)
    daemon = pipeline.start()

    records = [record for change in table.changes(400) for record in _feed(*change)]
    kcat.produce(pipeline.bootstrap, topic, records)

    members: dict[str, set[str]] = {}
    for row in table.rows.values():
        members.setdefault(row.cohort, set()).add(row.user)
    pipeline.wait_equal(members)
    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")
