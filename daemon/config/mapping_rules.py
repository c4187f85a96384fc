"""What a mapping may and must say in each format. Each rule names its remedy."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.config.mapping import Mapping, Value, path_text


def check_for_format(format_: str, mapping: Mapping) -> None:
    """Raise ValueError where a mapping says what its format can't, or not what it must."""
    if format_ == "rows":
        _check_rows(mapping)
        return
    if mapping.preset is not None:
        raise ValueError(f"mapping.preset is for format rows, not for {format_}")
    if mapping.op:
        raise ValueError(f"mapping.op is for format rows; {format_} says it itself")
    for name in ("old_images", "on_null"):
        if getattr(mapping, name) is not None:
            raise ValueError(f"mapping.{name} is for format rows; {format_} says it itself")
    if format_ == "upsert":
        _check_upsert(mapping)


def _check_rows(mapping: Mapping) -> None:
    if not mapping.op and mapping.member_when is None:
        raise ValueError("mapping of format rows needs op or member_when: else who would leave?")
    if mapping.has_old_images and mapping.old_images is None:
        raise ValueError(
            "mapping.old_images is required, since an update is two records here: remove (the old"
            " image takes its member out; it must come first) or ignore"
        )
    if mapping.old_images == "ignore" and not mapping.has_old_images:
        raise ValueError(
            "mapping.old_images is ignore, but no value of op marks an old image: set op.old or"
            " op.old_when, or write remove, since each removal takes its member out here"
        )


def _check_upsert(mapping: Mapping) -> None:
    for place, value in _naming(mapping):
        if value.column is not None:
            raise ValueError(
                f"mapping.{place} must come from the key, since a removal has no value:"
                f" {{key: {path_text(value.column)}}} instead of {{column: …}}"
            )


def _naming(mapping: Mapping) -> Iterator[tuple[str, Value]]:
    """Yield every value that says which member of which cohort a record is about."""
    yield "cohort_id", mapping.cohort_id
    for place in ("external_id", "device_id"):
        value = getattr(mapping, place)
        if value is not None:
            yield place, value
    if mapping.alias is not None:
        yield "alias.name", mapping.alias.name
        yield "alias.label", mapping.alias.label
