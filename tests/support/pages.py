"""Views to see on the status page, and the page opened on them in Chromium."""

from __future__ import annotations

from msgspec.structs import replace

from daemon.status import CohortView, DeliveryView, IntakeView, PartitionView, Spread
from tests.support.chromium import Chromium, Page

HOSTILE = '<img src=x onerror="window.ran = 1"><script>window.ran = 1</script>'
LONG = "a-name-without-any-space-" * 10
COHORTS = (
    CohortView("vip", "VIP customers", 1_204, in_flight=True, delivered_adds=80, oldest_age_s=3.0),
    CohortView("c2", HOSTILE, 7, False, 5, 9, "423 locked", 4.0, 75.0),
    CohortView("c3", LONG, 0, False, 1, 0, "201 ok", 400.0),
)
WORKING = PartitionView("cohort.membership", 0, "assigned", 81_204, 81_200, 81_204, 0, pending=3)
PARTITIONS = (
    *(replace(WORKING, partition=number) for number in range(20)),
    PartitionView(HOSTILE, 1, "parked", 10, 10, 910, 900),
    PartitionView(LONG, 2, "replaying", 10, 10, 10, 0, barrier_to=1_500),
)
INTAKE = IntakeView(
    "assigned",
    PARTITIONS,
    pending=1_211,
    pending_weight=121_100,
    pending_limit=1_000_000,
    oldest_pending_age_s=75.0,
    consumed=90_000,
    dead_letters=9,
    dead_letters_by_reason={"unknown_op": 7, "refused": 2},
)
DELIVERY = DeliveryView(
    in_flight=2,
    slots=24,
    limited_by="none",
    quota_limit=250_000,
    quota_remaining=200_000,
    quota_used_by_others=12_000,
    quota_reset_unix_s=1_800_000_000.0,
    budget_per_s=60.4,
    last_success_unix_s=1_799_999_000.0,
    requests=38_000,
    delivered_adds=86,
    delivered_removes=9,
    latency=Spread(12, 0.81, 2.4, 3.0),
    answer_time=Spread(40, 0.04, 0.2, 0.3),
    cohorts_known=3,
    cohorts=COHORTS,
)
HELD = replace(DELIVERY, blocked={"client_secret": "HTTP 401 <b>no</b>"})


def opened(chromium: Chromium, port: int, **looks: object) -> Page:
    page = chromium.open(f"http://127.0.0.1:{port}/", **looks)
    page.wait_for("document.querySelector('#backlog path')")
    return page
