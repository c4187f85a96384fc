"""Every event name the daemon logs: stable, snake case, a thing and what happened to it.

Dashboards and alerts are built on these, so a name is never given a second meaning. Fields carry
the rest. The level is the caller's: debug for who asks about one person, info for life-cycle,
warning for what heals by itself, error for what a person must see to.

The comment above a name is what it means to the operator, and the headings are theirs too: both
stand in docs/reference/log-events.md, which is made from here and from the callers.
"""

from __future__ import annotations

from typing import Final

# --- The process ---------------------------------------------------------------------------------

# It runs.
DAEMON_STARTED: Final = "daemon_started"
# It has ended as it should: exit code 0.
DAEMON_STOPPED: Final = "daemon_stopped"
# It ends because of an error: exit code 1. What was not committed is read again.
DAEMON_CRASHED: Final = "daemon_crashed"
# Secret files had new content, which is in force.
SECRET_RELOADED: Final = "secret_reloaded"  # noqa: S105  An event's name.
# A Kafka client takes this secret only once: restart one replica after the other.
SECRET_NEEDS_RESTART: Final = "secret_needs_restart"  # noqa: S105  Likewise.
# SIGHUP came, which reloads nothing.
HANGUP_IGNORED: Final = "hangup_ignored"
# SIGTERM or SIGINT came.
SHUTDOWN_STARTED: Final = "shutdown_started"
# A second signal came: nothing is waited for any more.
SHUTDOWN_HURRIED: Final = "shutdown_hurried"
# Nothing more is read; what is held is being delivered.
DRAIN_STARTED: Final = "drain_started"
# All that was held is delivered.
DRAIN_FINISHED: Final = "drain_finished"
# What is left could not be delivered in time, and is the next owner's.
DRAIN_DEADLINE: Final = "drain_deadline"
# `shutdown.grace` was over, so the process ended itself.
WATCHDOG_FIRED: Final = "watchdog_fired"
# Nothing moved for 60 s without a declared reason, so the process ends itself.
FRONTIER_STUCK: Final = "frontier_stuck"
# `/readyz` answers otherwise than before; each check that fails is a field.
READY_CHANGED: Final = "ready_changed"
# The admin port listens.
ADMIN_STARTED: Final = "admin_started"
# Whoever reads the log stood still, and lines are lost.
LOG_LINES_DROPPED: Final = "log_lines_dropped"
# Another library said something.
LIBRARY_MESSAGE: Final = "library_message"

# --- Kafka: the group and its partitions ---------------------------------------------------------

# Kafka does not do as asked; it is tried again, and `remedy` says whether you must act.
KAFKA_ERROR: Final = "kafka_error"
# What was complained of works again.
KAFKA_RECOVERED: Final = "kafka_recovered"
# librdkafka said something.
KAFKA_LIBRARY_MESSAGE: Final = "kafka_library_message"
# The group gave this replica partitions.
PARTITIONS_ASSIGNED: Final = "partitions_assigned"
# The group takes partitions back, in good order.
PARTITIONS_REVOKED: Final = "partitions_revoked"
# The group has taken partitions away: this replica was too slow, or unreachable.
PARTITIONS_LOST: Final = "partitions_lost"
# A partition is read from here on; up to `sent_to` its last owner may have sent.
PARTITION_STARTED: Final = "partition_started"
# A partition's position is lost, or a record stops it: `cohortd offsets` continues it.
PARTITION_PARKED: Final = "partition_parked"
# A topic has more partitions than before.
PARTITIONS_ADDED: Final = "partitions_added"
# A topic is not there.
TOPIC_MISSING: Final = "topic_missing"
# The broker told the group's session timeout.
GROUP_SESSION_TOLD: Final = "group_session_told"
# The group's session timeout can't be read, so nothing is sent.
GROUP_SESSION_UNKNOWN: Final = "group_session_unknown"
# `kafka.session_timeout` is longer than the group's session is.
GROUP_SESSION_SHORTER: Final = "group_session_shorter"
# The group's session leaves no lease, so nothing is sent.
GROUP_SESSION_TOO_SHORT: Final = "group_session_too_short"
# The group's offsets belong to another destination, so nothing is sent.
FOREIGN_GROUP: Final = "foreign_group"
# Memory was full behind a replay barrier, so it was opened early.
BARRIER_OPENED: Final = "barrier_opened"
# A commit did not arrive; it is tried again.
COMMIT_FAILED: Final = "commit_failed"
# Kafka refused a commit: the partition is another's by now.
COMMIT_REFUSED: Final = "commit_refused"

# --- Records and windows -------------------------------------------------------------------------

# Partitions wait for a schema that the registry has not told yet.
SCHEMA_AWAITED: Final = "schema_awaited"
# Records can't be used; they become dead letters, or stop their partition.
RECORD_REJECTED: Final = "record_rejected"
# Changes of one member stood in two partitions, and have no order between them.
LANES_DISAGREE: Final = "lanes_disagree"
# Kafka did not take a dead letter; it is tried again, and the offset waits.
DEAD_LETTER_FAILED: Final = "dead_letter_failed"
# Too many records would become dead letters, so reading stops: see the mapping.
DEAD_LETTERS_HELD: Final = "dead_letters_held"

# --- Braze ---------------------------------------------------------------------------------------

# The names topic can't be read or written; cohorts may be announced once more.
NAMES_TROUBLE: Final = "names_trouble"
# So many announced names were remembered at the start; `whole`: all there are.
NAMES_REMEMBERED: Final = "names_remembered"
# Braze took a cohort's name.
COHORT_ANNOUNCED: Final = "cohort_announced"
# What became of a request, and whom it named: `verdict` is accepted, retry, refused or blocked;
# `sent` is unsent, ambiguous (Braze may have applied it) or answered. Many members are several
# lines, `part` of `parts`.
UPDATE_ANSWERED: Final = "update_answered"
# Braze did not take a request; it is tried again.
UPDATE_RETRIED: Final = "update_retried"
# A request may have left after its deadline, since the process stood still.
REQUEST_LATE: Final = "request_late"
# Braze refuses a request's body; the culprit in it is searched for.
UPDATE_REFUSED: Final = "update_refused"
# Braze took a request and named errors in it.
ANSWER_HAD_ERRORS: Final = "answer_had_errors"
# Something waits for this reason.
DELIVERY_BLOCKED: Final = "delivery_blocked"
# Nothing waits for this reason any more.
DELIVERY_UNBLOCKED: Final = "delivery_unblocked"
# Changes were not delivered before their partition went, or are planned anew.
FLUSH_ABANDONED: Final = "flush_abandoned"


def all_events() -> frozenset[str]:
    """Return every name above."""
    return frozenset(value for name, value in globals().items() if name.isupper())
