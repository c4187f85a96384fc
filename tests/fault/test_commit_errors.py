"""Rows 19 and 20: a broker that refuses commits, in every way it has, while changes flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.mock_cluster import Api
from tests.support.stage import CONSUMER_PROTOCOL, SHORT, add, stage_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mock_cluster import MockCluster

# Kafka's numbers of what a broker can answer to an OffsetCommit.
PASSING = {
    "UNKNOWN_TOPIC_OR_PART": 3,
    "REQUEST_TIMED_OUT": 7,
    "OFFSET_METADATA_TOO_LARGE": 12,
    "COORDINATOR_LOAD_IN_PROGRESS": 14,
    "COORDINATOR_NOT_AVAILABLE": 15,
    "NOT_COORDINATOR": 16,
    "REBALANCE_IN_PROGRESS": 27,
    "INVALID_COMMIT_OFFSET_SIZE": 28,
    "TOPIC_AUTHORIZATION_FAILED": 29,
    "GROUP_AUTHORIZATION_FAILED": 30,
    "STALE_MEMBER_EPOCH": 113,
}
STALE_MEMBER_EPOCH = PASSING["STALE_MEMBER_EPOCH"]
# These throw the member out of its group, so that what is not committed goes again.
FENCING = {
    "classic": {"ILLEGAL_GENERATION": 22, "UNKNOWN_MEMBER_ID": 25},
    "consumer": {"UNKNOWN_MEMBER_ID": 25, "FENCED_MEMBER_EPOCH": 110},
}


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_whatever_a_commit_is_answered_changes_flow_and_none_is_lost(
    mock: MockCluster, tmp_path: Path, protocol: str
) -> None:
    fencing = FENCING[protocol]
    timing = SHORT if protocol == "classic" else CONSUMER_PROTOCOL
    with stage_at(mock.bootstrap, tmp_path, mock.create_topic, timing=timing) as stage:
        daemon = stage.start()
        daemon.wait_until_assigned(1)
        users: set[str] = set()

        for name, code in (PASSING | fencing).items():
            if name == next(iter(fencing)):
                delivered = stage.deliveries()
                assert len(delivered) == len(users), "a failed commit made something repeat"
            mock.fail_next(Api.OFFSET_COMMIT, [code] * (1 if name in fencing else 2))
            users.add(name)
            stage.produce(add("vip", name))
            stage.wait_members(vip=users, timeout_s=60.0)
            daemon.wait_for(
                f"the offset follows after {name}",
                lambda status: [row["committed"] for row in status["partitions"]] == [len(users)],
                timeout_s=60.0,
            )
            assert stage.committed_offset() == len(users)

        assert daemon.returncode is None
        named = {line["error"] for line in daemon.log_lines("commit_failed")}
        named |= {line["error"] for line in daemon.log_lines("commit_refused")}
        assert {"OFFSET_METADATA_TOO_LARGE", "REBALANCE_IN_PROGRESS"} <= named
        assert daemon.terminate() == 0


def test_partitions_whose_last_commit_is_refused_are_given_up_as_lost(
    mock: MockCluster, tmp_path: Path
) -> None:
    timing = CONSUMER_PROTOCOL
    with stage_at(
        mock.bootstrap, tmp_path, mock.create_topic, partitions=4, timing=timing
    ) as stage:
        stage.simulator.set_faults("delay=1500ms,endpoint=users")
        first = stage.start({"window.max_age": "1h"})
        first.wait_until_assigned(4)
        for number in range(40):
            stage.produce(add(f"c{number % 4}", f"u{number}"), partition=number % 4)
        first.wait_for("all is read", lambda status: status["counters"]["records_read"] == 40)

        second = stage.start()
        revoked = first.wait_for_line("partitions_revoked")["partitions"]
        mock.fail_next(Api.OFFSET_COMMIT, [STALE_MEMBER_EPOCH])  # While it still sends.

        line = second.wait_for_line("partition_started")
        # What was delivered and is not committed is gathered again, after the wait.
        assert (line["offset"], line["sent_to"]) == (0, 20_010)
        assert line["waits_s"] > 0
        assert line["partition"] in revoked
        refused = [line for line in first.log_lines("commit_refused") if line["offset"] == 10]
        assert [line["error"] for line in refused] == ["STALE_MEMBER_EPOCH"] * len(revoked)
        moved = [int(name.rpartition(":")[2]) for name in revoked]
        stage.wait_members({f"c{n}": {f"u{user}" for user in range(n, 40, 4)} for n in moved})
        second.wait_for(
            "it has committed",
            lambda status: [row["committed"] for row in status["partitions"]] == [10, 10],
        )
        assert first.terminate() == second.terminate() == 0
        assert [offset for offset, _ in stage.committed(4).values()] == [10] * 4
