"""Row 78: a key file that is rotated, half-written, empty or absent while changes flow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.configs import PARTNER_KEY
from tests.support.processes import wait_until
from tests.support.stage import add

if TYPE_CHECKING:
    from tests.support.stage import Stage

READ_AGAIN_S = 2.0
NEW_KEY = "canary-partner-key-of-next-year"


class Flow:
    """One change after another, each of which must arrive."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._users: set[str] = set()

    def goes_on(self, for_s: float = 0.0) -> None:
        until_s = time.monotonic() + for_s
        while True:
            user = f"u{len(self._users)}"
            self._users.add(user)
            self._stage.produce(add("vip", user))
            self._stage.wait_members(vip=self._users, timeout_s=20.0)
            if time.monotonic() >= until_s:
                return


def test_a_key_file_that_is_absent_or_empty_or_rotated_stops_nothing(stage: Stage) -> None:
    daemon = stage.start()
    flow = Flow(stage)
    flow.goes_on()

    stage.partner_key.unlink()
    flow.goes_on(2 * READ_AGAIN_S)  # With the last good one.
    stage.partner_key.write_text("")
    flow.goes_on(2 * READ_AGAIN_S)
    stage.partner_key.write_text("two\nlines")
    flow.goes_on(2 * READ_AGAIN_S)
    assert not daemon.log_lines("secret_reloaded")

    stage.simulator.set_keys(partner_api_keys=(PARTNER_KEY, NEW_KEY))  # Both, for a while.
    stage.partner_key.write_text(NEW_KEY)
    daemon.wait_for_line("secret_reloaded")
    stage.simulator.set_keys(partner_api_keys=(NEW_KEY,))
    flow.goes_on()  # The next request uses the new one: the old one would be refused.

    assert not daemon.log_lines("delivery_blocked")
    assert {request.outcome for request in stage.simulator.seen()} == {"201"}
    assert daemon.terminate() == 0


def test_a_half_written_key_is_a_hold_until_the_rest_is_there(stage: Stage) -> None:
    daemon = stage.start()
    flow = Flow(stage)
    flow.goes_on()
    wait_until("the offset follows", lambda: stage.committed_offset() == 1)

    stage.partner_key.write_text(PARTNER_KEY[: len(PARTNER_KEY) // 2])
    daemon.wait_for_line("secret_reloaded")
    stage.produce(add("other", "o"))
    daemon.wait_for_reason("partner_key")
    assert stage.committed_offset() == 1

    stage.partner_key.write_text(PARTNER_KEY)
    stage.wait_members(other={"o"}, timeout_s=10.0)
    wait_until("the offset follows", lambda: stage.committed_offset() == 2)
    assert daemon.status()["counters"]["dead_letters"] == 0
