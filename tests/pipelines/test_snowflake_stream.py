"""docs/pipelines/snowflake-stream.md, with the rows a stream gives, written by kcat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.pipelines.membership import Row, Table, What
from tests.support import kcat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pipelines.conftest import Pipeline


def _stream(what: What, before: Row | None, after: Row | None) -> Iterator[tuple[str, Any]]:
    """Yield what a stream shows of a change, as the page's query orders it."""
    images = (("DELETE", before), ("INSERT", after))
    for action, row in images:
        if row is not None:
            columns = {"COHORT_ID": row.cohort, "USER_ID": row.user, "STATUS": row.status}
            told = {"METADATA$ACTION": action, "METADATA$ISUPDATE": what == "update"}
            yield row.user, columns | told


def test_the_cohorts_equal_the_table(pipeline: Pipeline) -> None:
    topic = pipeline.topic("crm.membership_changes")
    table = Table(seed=1)
    daemon = pipeline.start()

    for _ in range(3):  # The stream is read three times.
        records = [record for change in table.changes(150) for record in _stream(*change)]
        kcat.produce(pipeline.bootstrap, topic, records)
        pipeline.wait_equal(table.members())

    assert daemon.terminate() == 0
    assert not daemon.log_lines("record_rejected")
