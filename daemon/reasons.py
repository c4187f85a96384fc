"""Why the daemon waits, and why something became a dead letter: two closed lists, with words.

Of waiting it is the one source of the `blocked` metric's label values, of the words on the status
page and of what makes the daemon not ready. It imports nothing of ours.
"""

from __future__ import annotations

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """What a wait means, what ends it, and whether the daemon is ready meanwhile."""

    why: str  # Completes "Waiting: …".
    remedy: str  # What ends it: a person's act, or nothing but time.
    act: bool = False  # A person must act.
    ready: bool = True


_TIME = "It passes by itself."

BLOCKED: dict[str, Reason] = {
    "partner_key": Reason(
        "Braze refuses the partner API key.",
        "Put the key of this partner into the file of braze.partner_api_key_file.",
        act=True,
        ready=False,
    ),
    "client_secret": Reason(
        "Braze refuses the data import key.",
        "Make a data import key on this partner's page at Braze and put it into the file of"
        " braze.data_import_key_file.",
        act=True,
        ready=False,
    ),
    "partner_not_enabled": Reason(
        "Braze says that this partner is not enabled for the workspace.",
        "Ask Braze to enable the partner, or correct braze.partner.",
        act=True,
        ready=False,
    ),
    "forbidden": Reason(
        "Braze forbids the request.",
        "See whether Braze admits only listed addresses, and whether the company is active.",
        act=True,
        ready=False,
    ),
    "not_found": Reason(
        "Braze does not know the address or the partner.",
        "Correct braze.cluster or braze.endpoint, and braze.partner.",
        act=True,
        ready=False,
    ),
    "tls": Reason(
        "The TLS connection to Braze can't be trusted.",
        "Set braze.ca_file where a proxy signs with a CA of its own; look at the clock.",
        act=True,
        ready=False,
    ),
    "refused_all": Reason(
        "Braze refuses every update, so the fault is not in one of them.",
        "Look at the answers in the log; run cohortd check --online.",
        act=True,
        ready=False,
    ),
    "registry": Reason(
        "The schema registry does not answer.", "It goes on when the registry is back."
    ),
    "dead_letter": Reason(
        "Dead letters can't be written, or too many records would become one.",
        "Look at the dead-letter topic, its ACL and the reasons in the log.",
        act=True,
    ),
    "foreign_group": Reason(
        "The consumer group belongs to another workspace, partner, endpoint or prefix.",
        "Choose another kafka.group_id, or take the group over with cohortd offsets adopt.",
        act=True,
        ready=False,
    ),
    "parked": Reason(
        "A partition's position is lost, so the partition stands still; the others go on.",
        "Continue it with cohortd offsets reset.",
        act=True,
    ),
    "kafka": Reason("Kafka does not answer.", "It goes on when the brokers are back."),
    "braze": Reason("Braze does not answer, or answers with errors.", "Retried for ever."),
    "locked": Reason("Braze has locked a cohort; only that cohort waits.", _TIME),
    "lease": Reason(
        "No commit was acknowledged lately, or the group's session is not known or too short,"
        " so nothing may be sent.",
        "It passes by itself, unless the detail says what to set.",
    ),
    "barrier": Reason("Records that a former owner may have sent are read again first.", _TIME),
    "wait": Reason("A former owner may still be sending, after an unclean hand-over.", _TIME),
    "settle": Reason("An update without a clear answer may still be applied by Braze.", _TIME),
    "quota": Reason("The hour's share of Braze's request quota is used.", _TIME),
    "saturated": Reason(
        "As many changes are pending as memory allows, so reading waits, of some partitions or"
        " of all.",
        _TIME,
    ),
}

NOT_READY = frozenset(name for name, reason in BLOCKED.items() if not reason.ready)
CREDENTIALS = NOT_READY - {"foreign_group"}

# What is wrong with a dead letter, by the `cohortd.reason` that stands in its headers.
DEAD_LETTERS = {
    "null_value": "No value where the format needs one.",
    "invalid_json": "Not JSON, or not UTF-8.",
    "invalid_record": "Well-formed, but not of the format's shape.",
    "invalid_avro": "Not Avro in Confluent's framing, or cut short.",
    "unknown_schema": "The registry does not know the schema's id.",
    "refused_schema": "No schema, or one that is not fit to decode by.",
    "too_large": "Over the size limit of one record.",
    "too_deep": "Nested beyond the limit.",
    "unknown_op": "An operation that is in no list.",
    "missing_column": "A column the mapping decides by is absent.",
    "missing_cohort": "No cohort id, or an empty one.",
    "missing_identity": "No identifier that names a user.",
    "invalid_value": "A value that can't be an id.",
    "id_too_long": "An id over the length limit.",
    "too_many_cohorts": "Of a cohort beyond cohorts.max_active.",
    "truncate": "The table was emptied: whom that concerns the log does not say.",
    "unsupported": "An envelope this version refuses; the letter names the remedy.",
    "refused": "Braze will never take this member.",
    "gave_up": "Held back longer than backoff.give_up_after.",
}

# What may hold the whole throughput back, in the words of the `limited_by` metric.
LIMITS = ("none", "slots", "quota", "braze", "memory", "hold")


# What answers with a redirect is not Braze's API: the address is wrong.
_SAME = {"redirect": "not_found"}


def blocked_reason(reason: str) -> str:
    """Return the reason in the closed list; `braze` for an answer that nobody documented."""
    reason = _SAME.get(reason, reason)
    return reason if reason in BLOCKED else "braze"
