"""Planted bugs of what records need before they count: schemas that are asked for, room for one
more cohort; and of cohorts' names."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from daemon.core.cohort_names import CohortNames
from daemon.core.model import Partition
from daemon.formats.changes import HoldError, Ignored, Read, RejectError
from daemon.formats.decode import Decoder
from daemon.formats.selection import CohortBound
from daemon.intake.schema_holds import SchemaHolds
from daemon.kafka import names_topic
from daemon.kafka.records import Reason, Record, Run
from daemon.registry.library import Library
from tests.simulation import registry
from tests.simulation.decoding import EntryReader
from tests.simulation.planting import Bug, bug


def _nothing(*_: object) -> None:
    return


# Schemas.


def _passed_over(holds: SchemaHolds, run: Run, hold: HoldError) -> None:
    """Wait for the schema, and go on behind the run that met it."""
    _PUT_BACK(holds, Run(run.partition, run.records, run.next_offset, run.next_offset), hold)


_PUT_BACK = SchemaHolds.put_back


def _all_of_them(holds: SchemaHolds, assigned: Collection[Partition]) -> set[Partition]:
    return set(assigned) if _WAITING(holds, assigned) else set()


_WAITING = SchemaHolds.waiting


def _never(*_: object) -> bool:
    return False


def _unknown_where_none_answers(library: Library[Any]) -> bool:
    """Take a registry that is out for one that does not have the schema."""
    wanted = list(library._wanted)
    if _ASK(library):
        return True
    for schema_id in wanted:
        if schema_id in library._wanted:
            library._keep(schema_id, RejectError(Reason.UNKNOWN_SCHEMA, "no answer"))
    return True


_ASK = Library.ask


def _decoded_anyway(library: Library[Any], schema_id: int) -> Any:  # noqa: ANN401
    """Ignore a record whose schema is not known yet: it is taken for a heartbeat."""
    try:
        return _GET(library, schema_id)
    except HoldError:
        raise _NotYet from None


class _NotYet(Exception):  # noqa: N818
    pass


def _read_or_ignored(reader: EntryReader, topic: str, record: Record) -> Read:
    try:
        return _READ(reader, topic, record)
    except _NotYet:
        return Ignored.HEARTBEAT


_GET, _READ = Library.get, EntryReader.read


# Cohorts that are too many.


def _one_more(bound: CohortBound, cohort: str) -> bool:
    return len(bound._known) <= bound._most or _ADMIT(bound, cohort)


def _none_when_full(bound: CohortBound, cohort: str) -> bool:
    """Refuse the known cohorts too, once there is no room."""
    return len(bound._known) < bound._most and _ADMIT(bound, cohort)


def _always(_bound: CohortBound, _cohort: str) -> bool:
    return True


_ADMIT = CohortBound.admit


def _dropped_when_too_many(decoder: Decoder, run: Run, record: Any, gathered: Any, rejects: list[Any]) -> None:  # fmt: skip  # noqa: ANN401, E501
    _READ_SLOWLY(decoder, run, record, gathered, rejects)
    if rejects and rejects[-1].reason == Reason.TOO_MANY_COHORTS:
        rejects.pop()


_READ_SLOWLY = Decoder._read_slowly


# Names.


def _anybodys(key: bytes | None, value: bytes | None, _fingerprint: str) -> dict[str, str]:
    (_, cohort), name = json.loads(key or b""), json.loads(value or b"")["name"]
    return {cohort: name}


def _memory_wins(names: CohortNames, cohort: str, name: str, now_s: float) -> bool:
    """Believe that a cohort which is remembered has the name that it shall have."""
    _, at_s = names._known.get(cohort, ("", 0.0))
    return at_s > -math.inf and _MUST_ANNOUNCE(names, cohort, name, now_s)


def _also_to_its_id(names: CohortNames, cohort: str, name: str, now_s: float) -> bool:
    known, _ = names._known.get(cohort, (None, 0.0))
    nameless = name == cohort and known not in {None, cohort}
    return nameless or _MUST_ANNOUNCE(names, cohort, name, now_s)


_MUST_ANNOUNCE = CohortNames.must_announce


def _vouched_by_memory(names: CohortNames, cohort: str) -> bool:
    return not names._enabled or names.knows(cohort)


def _remembered_only_once(names: CohortNames, heard: Mapping[str, str]) -> None:
    """Take the first word for the last."""
    _REMEMBER(names, {c: name for c, name in heard.items() if c not in names._known})


_REMEMBER = CohortNames.remember


BUGS: dict[str, Bug] = {
    "held_run_passed_over": bug("G2", (SchemaHolds, "put_back", _passed_over)),
    "unread_record_ignored": bug(
        "G2", (Library, "get", _decoded_anyway), (EntryReader, "read", _read_or_ignored)
    ),
    "one_schema_holds_all": bug("G12", (SchemaHolds, "waiting", _all_of_them)),
    "held_for_ever": bug("G10", (Library, "knows", _never)),
    "end_behind_a_hold_believed": bug("G5", (SchemaHolds, "holds", _never)),
    "registry_asked_once": bug("G10", (registry, "ASK_AGAIN_S", math.inf)),
    "trouble_taken_for_unknown": bug("G12", (Library, "ask", _unknown_where_none_answers)),
    "cohorts_without_bound": bug("G9", (CohortBound, "admit", _always)),
    "one_cohort_too_many": bug("G9", (CohortBound, "admit", _one_more)),
    "known_cohort_refused": bug("G12", (CohortBound, "admit", _none_when_full)),
    "refused_cohort_dropped": bug("G2", (Decoder, "_read_slowly", _dropped_when_too_many)),
    "names_of_another": bug("names", (names_topic, "name_in", _anybodys)),
    "nothing_remembered": bug("names", (CohortNames, "remember", _nothing)),
    "remembered_name_wins": bug("names", (CohortNames, "must_announce", _memory_wins)),
    "first_memory_kept": bug("names", (CohortNames, "remember", _remembered_only_once)),
    "renamed_to_its_id": bug("names", (CohortNames, "must_announce", _also_to_its_id)),
    "memory_vouches": bug("G10, G12", (CohortNames, "vouched", _vouched_by_memory)),
    "lost_cohort_not_forgotten": bug("G10, names", (CohortNames, "forget", _nothing)),
}
