"""The label values: closed lists, and the one label that must be bounded as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.logs import printable
from daemon.reasons import BLOCKED, LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER: Final = "other"
LABEL_LENGTH_MAX: Final = 128

PARTITION_STATES: Final = ("assigned", "paused", "replaying", "parked")
REBALANCES: Final = ("assigned", "revoked", "lost")
COMMIT_RESULTS: Final = ("accepted", "refused", "failed")
ENDPOINTS: Final = ("cohorts", "users")
OPS: Final = ("add", "remove")
PHASES: Final = ("live", "backfill")
BLOCKED_REASONS: Final = tuple(BLOCKED)
LIMITING_FACTORS: Final = LIMITS

# Equal to `daemon.kafka.records.Reason`, which may not be imported from here: Braze's side uses
# this package, and the two sides never know each other. A test compares them.
REJECT_REASONS: Final = (
    "null_value",
    "invalid_json",
    "invalid_record",
    "invalid_avro",
    "unknown_schema",
    "refused_schema",
    "too_large",
    "too_deep",
    "unknown_op",
    "missing_column",
    "missing_cohort",
    "missing_identity",
    "invalid_value",
    "id_too_long",
    "too_many_cohorts",
    "truncate",
    "unsupported",
    "refused",
    "gave_up",
)

# Why an attempt is made again: `Answer.reason` of what is retried or held, and the rest.
RETRY_REASONS: Final = (
    "timeout",
    "connect",
    "tls",
    "reset",
    "truncated",
    "rate_limited",
    "locked",
    "server_error",
    "request_timeout",
    "partner_key",
    "client_secret",
    "partner_not_enabled",
    "forbidden",
    "not_found",
    "redirect",
    "refused",
    "unexpected",
)

# What the `status` of a request may be when no answer came.
FAILURES: Final = ("timeout", "connect", "tls", "reset", "truncated")

STATUSES: Final = (
    *(200, 201, 202, 204, 301, 302, 307, 308, 400, 401, 403, 404, 408, 413, 423, 429),
    *(500, 502, 503, 504),
)

# Equal to `daemon.formats.changes.Ignored`, for the same reason as the reject reasons above.
IGNORE_RULES: Final = (
    "tombstone",
    "heartbeat",
    "transaction",
    "message",
    "schema_change",
    "signal",
    "resolved",
    "condition_not_met",
    "op_ignored",
    "old_image",
    "not_a_member",
    "cohort_not_selected",
)


def status_label(status: int | str) -> str:
    """Return the label of an answer's status, or of the reason why there is none.

    A status nobody expects is its class (`4xx`): a strange server can't make series without end.
    """
    if isinstance(status, str):
        return status if status in FAILURES else OTHER
    if status in STATUSES:
        return str(status)
    return f"{status // 100}xx" if 100 <= status < 600 else OTHER  # noqa: PLR2004


def known(value: str, among: Iterable[str], otherwise: str) -> str:
    """Return the value if it is in a closed list, else the list's catch-all."""
    return value if value in among else otherwise


class CohortLabels:
    """The label value of a cohort: itself for the chosen few, `other` for the rest.

    Cohorts named in the configuration always have their own, and so have the first `max_cohorts`
    beside them; a label once given stays. Whatever the number of cohorts, there are at most
    `len(named) + max_cohorts + 1` values. May be asked from any thread.
    """

    def __init__(self, named: Iterable[str], max_cohorts: int) -> None:
        self._labels = {cohort: printable(cohort, LABEL_LENGTH_MAX) for cohort in named}
        self.named: frozenset[str] = frozenset(self._labels.values())
        # Taking from one iterator is a single step of the interpreter: two threads never take
        # the same place, so the bound holds without a lock.
        self._places = iter(range(max_cohorts))

    def __getitem__(self, cohort: str) -> str:
        label = self._labels.get(cohort)
        if label is None:
            if next(self._places, None) is None:
                return OTHER
            label = self._labels.setdefault(cohort, printable(cohort, LABEL_LENGTH_MAX))
        return label

    def __len__(self) -> int:
        return len(self._labels)
