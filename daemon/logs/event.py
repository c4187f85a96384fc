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
CONFIG_LOADED: Final = "config_loaded"
SECRET_RELOADED: Final = "secret_reloaded"  # noqa: S105  An event's name.
SECRET_UNREADABLE: Final = "secret_unreadable"  # noqa: S105  An event's name.
HANGUP_IGNORED: Final = "hangup_ignored"
SHUTDOWN_STARTED: Final = "shutdown_started"
SHUTDOWN_HURRIED: Final = "shutdown_hurried"
DRAIN_STARTED: Final = "drain_started"
DRAIN_FINISHED: Final = "drain_finished"
DRAIN_DEADLINE: Final = "drain_deadline"
WATCHDOG_FIRED: Final = "watchdog_fired"
FRONTIER_STUCK: Final = "frontier_stuck"
READY_CHANGED: Final = "ready_changed"
LIMIT_CHANGED: Final = "limit_changed"
ADMIN_STARTED: Final = "admin_started"
ADMIN_STOPPED: Final = "admin_stopped"
LOG_LINES_DROPPED: Final = "log_lines_dropped"
LIBRARY_MESSAGE: Final = "library_message"

# Kafka: the group and its partitions.
KAFKA_ERROR: Final = "kafka_error"
KAFKA_RECOVERED: Final = "kafka_recovered"
KAFKA_FATAL: Final = "kafka_fatal"
KAFKA_LIBRARY_MESSAGE: Final = "kafka_library_message"
PARTITIONS_ASSIGNED: Final = "partitions_assigned"
PARTITIONS_REVOKED: Final = "partitions_revoked"
PARTITIONS_LOST: Final = "partitions_lost"
PARTITION_STARTED: Final = "partition_started"
PARTITION_PARKED: Final = "partition_parked"
PARTITION_RESUMED: Final = "partition_resumed"
INTAKE_PAUSED: Final = "intake_paused"
INTAKE_RESUMED: Final = "intake_resumed"
TOPIC_MISSING: Final = "topic_missing"
TOPIC_CHANGED: Final = "topic_changed"
START_CHOSEN: Final = "start_chosen"
FOREIGN_GROUP: Final = "foreign_group"
HANDOVER_UNCLEAN: Final = "handover_unclean"
BARRIER_SET: Final = "barrier_set"
BARRIER_OPENED: Final = "barrier_opened"
WAIT_STARTED: Final = "wait_started"
WAIT_ENDED: Final = "wait_ended"
LEASE_LOST: Final = "lease_lost"
LEASE_RENEWED: Final = "lease_renewed"
COMMIT_FAILED: Final = "commit_failed"
COMMIT_REFUSED: Final = "commit_refused"
RETENTION_NEAR: Final = "retention_near"

# Records and windows.
RECORD_REJECTED: Final = "record_rejected"
RECORDS_IGNORED: Final = "records_ignored"
SCHEMA_READ: Final = "schema_read"
SCHEMA_UNAVAILABLE: Final = "schema_unavailable"
WINDOW_SEALED: Final = "window_sealed"
WINDOW_RETURNED: Final = "window_returned"
LANES_DISAGREE: Final = "lanes_disagree"
MEMBER_CHANGED: Final = "member_changed"
DEAD_LETTER_SENT: Final = "dead_letter_sent"
DEAD_LETTER_FAILED: Final = "dead_letter_failed"
DEAD_LETTERS_HELD: Final = "dead_letters_held"
DEAD_LETTERS_RESUMED: Final = "dead_letters_resumed"

# Braze.
COHORT_ANNOUNCED: Final = "cohort_announced"
COHORT_RENAMED: Final = "cohort_renamed"
COHORT_HELD: Final = "cohort_held"
COHORT_RESUMED: Final = "cohort_resumed"
UPDATE_DELIVERED: Final = "update_delivered"
UPDATE_RETRIED: Final = "update_retried"
UPDATE_REFUSED: Final = "update_refused"
UPDATE_HALVED: Final = "update_halved"
UPDATE_ABANDONED: Final = "update_abandoned"
UPDATE_GAVE_UP: Final = "update_gave_up"
ANSWER_HAD_ERRORS: Final = "answer_had_errors"
ANSWER_UNEXPECTED: Final = "answer_unexpected"
DELIVERY_BLOCKED: Final = "delivery_blocked"
DELIVERY_UNBLOCKED: Final = "delivery_unblocked"
QUOTA_EXHAUSTED: Final = "quota_exhausted"
QUOTA_RESET: Final = "quota_reset"
QUOTA_CHANGED: Final = "quota_changed"
FLUSH_STARTED: Final = "flush_started"
FLUSH_COMPLETED: Final = "flush_completed"
FLUSH_ABANDONED: Final = "flush_abandoned"


def all_events() -> frozenset[str]:
    """Return every name above."""
    return frozenset(value for name, value in globals().items() if name.isupper())
