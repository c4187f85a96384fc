"""The mapping of an input, compiled: which member of which cohort an image of a row names."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.config.mapping import Mapping, Value
from daemon.core.model import Alias, Device, Member
from daemon.formats.changes import (
    COHORT_BYTES_MAX,
    RejectError,
    check_name,
    check_text,
)
from daemon.formats.logical import Path
from daemon.formats.values import UNAVAILABLE, Condition, Getter, Source
from daemon.kafka.records import Reason


class RowMapping:
    """What one mapping says of a `Source`. Every refusal is a `RejectError`."""

    def __init__(self, mapping: Mapping, match_on: Sequence[str]) -> None:
        self._cohort = Getter(mapping.cohort_id, "cohort_id")
        self._name = _optional(mapping.cohort_name, "cohort_name")
        self._external = _optional(mapping.external_id, "external_id")
        self._device = _optional(mapping.device_id, "device_id")
        self._alias: tuple[Getter, Getter] | None = None
        if mapping.alias is not None:
            name, label = mapping.alias.name, mapping.alias.label
            self._alias = Getter(name, "alias.name"), Getter(label, "alias.label")
        self._kinds = tuple(kind for kind in match_on if kind in mapping.identifiers)
        self._when = None if mapping.member_when is None else Condition.of(mapping.member_when)
        self.occurred_at = _optional(mapping.occurred_at, "occurred_at")

    @property
    def columns(self) -> tuple[Path, ...]:
        """Every column that it reads for a change, once."""
        getters = (self._cohort, self._name, self._external, self._device)
        values = [getter.value for getter in (*getters, *(self._alias or ())) if getter]
        paths = [value.column for value in values if value.column is not None]
        if self._when is not None:
            paths.append(self._when.column)
        return tuple(dict.fromkeys(paths))

    @property
    def time_columns(self) -> tuple[Path, ...]:
        """The column of `occurred_at`, where it is one: no change depends on it."""
        column = None if self.occurred_at is None else self.occurred_at.value.column
        return () if column is None else (column,)

    def is_member(self, source: Source) -> bool:
        """Tell whether the row is a membership, by `member_when`."""
        return self._when is None or self._when.holds(source)

    def target(self, source: Source) -> tuple[str, Member]:
        """Return the cohort and the member it names, by the first identifier that is there."""
        cohort = self._cohort.text(source, required=True)
        if not cohort:
            raise RejectError(Reason.MISSING_COHORT, "cohort_id is null or empty")
        check_text(cohort, "cohort_id", COHORT_BYTES_MAX)
        for kind in self._kinds:
            member = self._read_identifier(kind, source)
            if member is not None:
                return cohort, member
        detail = f"{', '.join(self._kinds)}: null or empty, so nobody is named"
        raise RejectError(Reason.MISSING_IDENTITY, detail)

    def name(self, source: Source) -> str | None:
        """Return the cohort's name, where there is one: it decides nothing."""
        if self._name is None or self._name.raw(source)[0] == UNAVAILABLE:
            return None
        name = self._name.text(source)
        return check_name(name) if name else None

    def _read_identifier(self, kind: str, source: Source) -> Member | None:
        if kind == "external_id" and self._external is not None:
            return _id(self._external, source)
        if kind == "device_id" and self._device is not None:
            device = _id(self._device, source)
            return None if device is None else Device(device)
        assert kind == "alias", kind
        assert self._alias is not None
        name, label = (_id(part, source) for part in self._alias)
        return None if name is None or label is None else Alias(name, label)


def _optional(value: Value | None, place: str) -> Getter | None:
    return None if value is None else Getter(value, place)


def _id(getter: Getter, source: Source) -> str | None:
    text = getter.text(source)
    return None if text is None else check_text(text, getter.place)
