"""Every event name the daemon logs: stable, snake case, a thing and what happened to it.

Dashboards and alerts are built on these, so a name is never given a second meaning. Fields carry
the rest. The level is the caller's: debug is for nobody in production, info for life-cycle,
warning for what heals by itself, error for what a person must see to.
"""

from __future__ import annotations

from typing import Final

# The process.
DAEMON_STARTED: Final = "daemon_started"
DAEMON_STOPPED: Final = "daemon_stopped"
DAEMON_CRASHED: Final = "daemon_crashed"
SECRET_RELOADED: Final = "secret_reloaded"  # noqa: S105  An event's name.
SECRET_NEEDS_RESTART: Final = "secret_needs_restart"  # noqa: S105  Likewise.
HANGUP_IGNORED: Final = "hangup_ignored"
SHUTDOWN_STARTED: Final = "shutdown_started"
SHUTDOWN_HURRIED: Final = "shutdown_hurried"
DRAIN_STARTED: Final = "drain_started"
DRAIN_FINISHED: Final = "drain_finished"
DRAIN_DEADLINE: Final = "drain_deadline"
WATCHDOG_FIRED: Final = "watchdog_fired"
FRONTIER_STUCK: Final = "frontier_stuck"
READY_CHANGED: Final = "ready_changed"
ADMIN_STARTED: Final = "admin_started"
LOG_LINES_DROPPED: Final = "log_lines_dropped"
LIBRARY_MESSAGE: Final = "library_message"

# Kafka: the group and its partitions.
KAFKA_ERROR: Final = "kafka_error"
KAFKA_RECOVERED: Final = "kafka_recovered"
KAFKA_LIBRARY_MESSAGE: Final = "kafka_library_message"
PARTITIONS_ASSIGNED: Final = "partitions_assigned"
PARTITIONS_REVOKED: Final = "partitions_revoked"
PARTITIONS_LOST: Final = "partitions_lost"
PARTITION_STARTED: Final = "partition_started"
PARTITION_PARKED: Final = "partition_parked"
PARTITIONS_ADDED: Final = "partitions_added"
TOPIC_MISSING: Final = "topic_missing"
GROUP_SESSION_TOLD: Final = "group_session_told"
GROUP_SESSION_UNKNOWN: Final = "group_session_unknown"
GROUP_SESSION_SHORTER: Final = "group_session_shorter"
GROUP_SESSION_TOO_SHORT: Final = "group_session_too_short"
FOREIGN_GROUP: Final = "foreign_group"
BARRIER_OPENED: Final = "barrier_opened"
COMMIT_FAILED: Final = "commit_failed"
COMMIT_REFUSED: Final = "commit_refused"

# Records and windows.
SCHEMA_AWAITED: Final = "schema_awaited"
RECORD_REJECTED: Final = "record_rejected"
LANES_DISAGREE: Final = "lanes_disagree"
DEAD_LETTER_FAILED: Final = "dead_letter_failed"
DEAD_LETTERS_HELD: Final = "dead_letters_held"

# Braze.
NAMES_TROUBLE: Final = "names_trouble"
NAMES_REMEMBERED: Final = "names_remembered"
COHORT_ANNOUNCED: Final = "cohort_announced"
UPDATE_RETRIED: Final = "update_retried"
REQUEST_LATE: Final = "request_late"
UPDATE_REFUSED: Final = "update_refused"
ANSWER_HAD_ERRORS: Final = "answer_had_errors"
DELIVERY_BLOCKED: Final = "delivery_blocked"
DELIVERY_UNBLOCKED: Final = "delivery_unblocked"
FLUSH_ABANDONED: Final = "flush_abandoned"


def all_events() -> frozenset[str]:
    """Return every name above."""
    return frozenset(value for name, value in globals().items() if name.isupper())
