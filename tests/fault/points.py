"""`python -m tests.fault.points run …`: the daemon, ended or stopped at a named point of its work.

`COHORTD_TEST_POINT=after_ack:3:KILL` sends SIGKILL to the process itself at the third time it
comes to `after_ack`. Nothing of this is in the daemon: the points are put around its methods here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from daemon.braze.client import BrazeClient
from daemon.braze.dispatcher import Dispatcher
from daemon.cli import main
from daemon.intake.committer import Committer
from daemon.intake.handover import Handover
from daemon.intake.ownership import Ownership
from daemon.kafka.consumer import KafkaConsumer

VARIABLE = "COHORTD_TEST_POINT"

# Where a process can be struck: before or after a method of one class.
POINTS: dict[str, tuple[type, str, bool]] = {
    "after_lease_check": (BrazeClient, "send_update", True),  # The attempt may start; not a byte.
    "after_ack": (Dispatcher, "_end", True),  # Braze has answered; the intake does not know.
    "before_commit": (Committer, "_send", True),
    "after_commit_sent": (KafkaConsumer, "commit", False),
    "in_revoke": (Handover, "_abandon", True),  # Inside `on_revoke`, after the drain.
    "before_last_commit": (KafkaConsumer, "commit_now", True),
    "after_last_commit": (KafkaConsumer, "commit_now", False),
    "after_handover": (Handover, "_finish", False),
    "before_begin": (Ownership, "_begin", True),
    "after_begin": (Ownership, "_begin", False),
    "while_closing": (KafkaConsumer, "close", True),
}

# Those that a process comes to only while it gives partitions up.
ON_THE_WAY_OUT = frozenset(
    ("in_revoke", "before_last_commit", "after_last_commit", "after_handover", "while_closing")
)


def arm(name: str, nth: int, number: signal.Signals) -> None:
    """Strike the process when it comes to this point for the nth time."""
    owner, method, before = POINTS[name]
    real: Callable[..., Any] = getattr(owner, method)
    seen = 0

    def strike() -> None:
        nonlocal seen
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), number)

    def struck(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - Whatever the method takes.
        if before:
            strike()
        result = real(*arguments, **named)
        if not before:
            strike()
        return result

    setattr(owner, method, struck)


if __name__ == "__main__":
    point, count, name = os.environ[VARIABLE].split(":")
    arm(point, int(count), signal.Signals[f"SIG{name}"])
    main()
