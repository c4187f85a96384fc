"""The whole daemon: what must never be in its output, at its most talkative."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from daemon.core.model import Alias, Device, Member
from daemon.logs import MemberHasher
from tests.support.configs import IMPORT_KEY, PARTNER_KEY
from tests.support.stage import add, remove

if TYPE_CHECKING:
    from tests.support.stage import Stage

MEMBER = "canary-member-4711"
TOKEN = "canary-sasl-password"
HASH_KEY = "canary-hash-key"


def test_no_secret_and_no_member_is_in_the_output_at_debug_level(stage: Stage) -> None:
    (stage.folder / "sasl").write_text(TOKEN)
    (stage.folder / "hash_key").write_text(HASH_KEY)
    stage.simulator.set_faults(
        f"status=400,member=*refused*,message=bad id {MEMBER}-refused",
        f"status=503,message={PARTNER_KEY} and {IMPORT_KEY},count=2,after=3",
    )
    stage.produce(
        add("vip", f"{MEMBER}-1", cohort_name="VIPs"),
        add("vip", f"{MEMBER}-refused"),
        add("vip", alias={"name": f"{MEMBER}-alias", "label": "email"}),
        add("vip", device_id=f"{MEMBER}-device"),
        f'{{"cohort_id": "vip", "op": "{MEMBER}", "external_id": "{MEMBER}"}}'.encode(),
        f"{MEMBER} is not JSON".encode(),
        add("vip", MEMBER * 100),
        remove("vip", f"{MEMBER}-2"),
    )
    daemon = stage.start(
        {
            "log.level": "debug",
            "log.hash_key_file": str(stage.folder / "hash_key"),
            "kafka.properties.sasl:username": "canary-sasl-user",
            "kafka.properties.sasl:password": {"file": str(stage.folder / "sasl")},
        }
    )
    for number in range(20):  # Others are accepted, which convicts the one that is refused.
        stage.produce(add("other", f"{MEMBER}-{number}"))
        stage.wait_members(other={f"{MEMBER}-{n}" for n in range(number + 1)})
    stage.letters(4)
    daemon.wait_for("all is done", lambda status: not status["pending"], 60.0)
    pages = [daemon.get(path) for path in ("/", "/status", "/metrics", "/readyz", "/livez")]
    assert [status for status, _ in pages] == [200] * 5

    assert daemon.terminate() == 0

    for text in (daemon.output(), *(body for _, body in pages)):
        assert MEMBER not in text
        assert PARTNER_KEY not in text
        assert IMPORT_KEY not in text
        assert TOKEN not in text
        assert HASH_KEY not in text
    lines = [json.loads(line) for line in daemon.output().splitlines()]
    assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)
    assert [line["event"] for line in lines if line["level"] == "critical"] == []

    told = [line for line in lines if line["event"] == "update_answered"]
    assert {line["level"] for line in told} == {"debug"}
    taken = [line for line in told if line["verdict"] == "accepted"]
    whom: list[Member] = [f"{MEMBER}-1", Alias(f"{MEMBER}-alias", "email")]
    for member in (*whom, Device(f"{MEMBER}-device")):
        digest = MemberHasher(HASH_KEY.encode()).digest(member)
        assert [line["cohort"] for line in taken if digest in line["added"]].count("vip") == 1
    left = MemberHasher(HASH_KEY.encode()).digest(f"{MEMBER}-2")
    assert [line["cohort"] for line in taken if left in line["removed"]] == ["vip"]
