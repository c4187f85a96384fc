"""What may happen in a world, and what many worlds together must have seen.

A check that never meets what it is about proves nothing; these names are its "sometimes".
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

# Every kind of thing that goes wrong, by the method of `faults.Faults` that does it.
FAULTS = (
    "kill",
    "kill_in_revoke",
    "kill_at_call",
    "stop",
    "join",
    "freeze",
    "stall",
    "cut",
    "silence",
    "shuffle",
    "lose_commits",
    "refuse_commits",
    "outage",
    "unauthorized",
    "not_found",
    "refuse_all",
    "quota",
    "lock",
    "forget_cohort",
    "slow_braze",
    "letters_out",
    "reset",
    "add_partition",
    "expire_records",
    "recreate",
    "jump_clock",
)
# And of what only some worlds have, by what they have: names to tell, a topic that remembers them,
# schemas to ask for, cohorts that come from anybody.
FAULTS_OF: dict[str, tuple[str, ...]] = {
    "announce": ("rename", "lose_cohort"),
    "names_topic": ("names_out", "names_slow", "truncate_names"),
    "schemas": ("registry_out", "registry_slow"),
    "strangers": ("flood",),
}
GRACEFUL = ("stop", "join", "shuffle")
# Memory is short, and one cohort after the other is locked for long; else Braze is well.
LOCKED = ("lock_for_long", "lock_for_long", "kill", "join", "stop", "shuffle")
KINDS_OF: dict[str, tuple[str, ...]] = {
    "storm": FAULTS,
    "rolling": GRACEFUL,
    "calm": (),
    "locked": LOCKED,
}
ARMS = tuple(KINDS_OF)
GENTLE = frozenset({"rolling", "calm"})  # Nothing goes wrong in these.

_ANSWERS = (
    "connect",
    "forbidden",
    "locked",
    "not_found",
    "queued",
    "rate_limited",
    "refused",
    "request_timeout",
    "reset",
    "server_error",
    "timeout",
    "too_large",
    "unauthorized",
    "unsent_reset",
)

_COMMITS = (
    "answer_late",
    "answer_lost",
    "coordinator_load_in_progress",
    "illegal_generation",
    "lost",
    "not_coordinator",
    "offset_metadata_too_large",
    "rebalance_in_progress",
    "stale_member_epoch",
    "taken_but_said_failed",
    "unanswered",
    "unknown_member_id",
)

# What 200 worlds of the storm must have seen, or they were not worth running.
MUST_HAPPEN = frozenset(
    {
        *(f"fault_{kind}" for kinds in (FAULTS, *FAULTS_OF.values()) for kind in kinds),
        *(f"answer_{kind}" for kind in _ANSWERS),
        *(f"commit_{kind}" for kind in _COMMITS),
        "abandoned",
        "answer_lost_after_applying",
        "applied_late",
        "applied_out_of_order",
        "barrier",
        "bisection",
        "clean",
        "cohort_announced_anew",
        "cohort_refused",
        "crowded",
        "expired",
        "failed_but_applied",
        "gathered",
        "gave_up",
        "kafka_unavailable",
        "killed_at_call",
        "killed_in_close",
        "killed_in_revoke",
        "left_drained",
        "left_late",
        "known_cohort_flows_beside_refused",
        "lost_before_applying",
        "name_followed",
        "names_given_up_waiting",
        "names_remembered",
        "names_truncated",
        "offset_reset",
        "on_lost",
        "others_flow_beside_held",
        "others_flow_beside_parked",
        "parked",
        "parked_continued",
        "partition_added",
        "partitions_noticed",
        "paused",
        "poll_interval_exceeded",
        "put_back",
        "rebalance_cooperative",
        "rebalance_eager",
        "registry_trouble",
        "renamed",
        "replay",
        "revoked_while_held",
        "schema_awaited",
        "skipped_by_start",
        "stale_records",
        "state_turned",
        "superseded",
        "topic_made_anew",
        "unclean_takeover",
        "unknown_schema",
        "waited",
    }
)

# What needs some hundreds of worlds more.
RARELY_HAPPENS = frozenset({"applied_after_death", "barrier_opened_by_memory"})


def missing(happened: AbstractSet[str], worlds: int) -> list[str]:
    """Return what so many worlds of the storm should have seen, and did not."""
    wanted: set[str] = set()
    if worlds >= 200:
        wanted |= MUST_HAPPEN
    if worlds >= 800:
        wanted |= RARELY_HAPPENS
    return sorted(wanted - happened)
