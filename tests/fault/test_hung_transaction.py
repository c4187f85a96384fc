"""Row 35: a producer dies inside a transaction, which stays open until the broker ends it."""

from __future__ import annotations

import os
import time

import pytest
from confluent_kafka import Producer

from tests.support import topics
from tests.support.stage import Stage, add

# How long the transaction may stay open; over 60 s a process that stood still would have ended.
HUNG_S = int(os.environ.get("HUNG_TRANSACTION_S", "5"))
pytestmark = pytest.mark.timeout(300 + HUNG_S)
# The broker looks for transactions that are over their time this often.
_LOOKED_FOR_S = 10


def test_row_35_a_hung_transaction_is_lag_and_no_exit(one_stage: Stage) -> None:
    stage = one_stage
    producer = Producer(
        {
            "bootstrap.servers": stage.bootstrap,
            "transactional.id": topics.unique("hung"),
            "transaction.timeout.ms": HUNG_S * 1_000,
        }
    )
    producer.init_transactions(topics.TIMEOUT_S)
    daemon = stage.start()
    daemon.wait_until_assigned(4)
    stage.produce(add("vip", "before"))
    stage.wait_members(vip={"before"})
    producer.begin_transaction()
    producer.produce(stage.topic, add("vip", "never"), partition=0)
    producer.flush(topics.TIMEOUT_S)
    hung_s = time.monotonic()

    stage.produce(add("vip", "behind"), partition=0)
    stage.produce(add("vip", "elsewhere"), partition=1)

    stage.wait_members(vip={"before", "elsewhere"})
    daemon.wait_for_partition("the lag is shown", lambda row: row["lag"] == 2)
    assert daemon.status()["ready"]
    stage.wait_members(
        vip={"before", "behind", "elsewhere"}, timeout_s=HUNG_S + _LOOKED_FOR_S + 30.0
    )
    print(f"read on {time.monotonic() - hung_s:.1f} s after the transaction hung")
    daemon.wait_for_partition("no lag is left", lambda row: row["lag"] == 0)
    assert daemon.terminate() == 0
    assert stage.committed_offset() == 4  # Three records and the end of the transaction.
