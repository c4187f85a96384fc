"""docs/reference/configuration.md: keys, types and defaults from the settings model.

The meaning of a key stands in docs/configuration.md, so that it is said once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from daemon.config.base import Section
from daemon.config.durations import duration_text
from daemon.config.environment import PREFIX
from daemon.config.keys import Shape, shape_of
from daemon.config.mapping import Value
from daemon.config.settings import Settings
from scripts.config_schema import words
from scripts.references.tables import MADE_BY, table
from scripts.references.types import is_duration, sections_in, type_text

_VALUE = "…"  # Stands for every setting that is a value, whose keys are told once.
_INTRO = f"""\
# Configuration in full

{MADE_BY}
[Configuration](../configuration.md) has the same keys with what belongs together, the rules between
them, and where settings come from.

Below a key stands the environment's variable that sets it, and wins over the files. `0` is the
number of an item in a list, `NAME` a name that people choose: below `KAFKA__PROPERTIES`
librdkafka's, with `_` for a dot; below `COHORTS__OVERRIDES` a cohort's id in capitals, which must
stand in a file already. An empty variable means null where a key may be null. A key without a
variable is set in a file only.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """One setting of the model, under the path by which the pages name it."""

    path: str
    variable: str  # Empty where it is no single value.
    info: FieldInfo


def page() -> str:
    """Return the page."""
    told = words()
    parts = [_INTRO]
    for section, keys in _by_section().items():
        rows = [_row(key, *told[key.path]) for key in keys if key.path in told]
        title = "Values" if section == _VALUE else f"`{section}`"
        note = "\n`…` is any setting that is a value.\n" if section == _VALUE else ""
        head = ("key, variable", "type", "default", "meaning")
        parts += [f"## {title}\n{note}", table(head, rows), ""]
    return "\n".join(parts)


def keys_of(model: type[Section], path: str = "", variable: str = PREFIX) -> Iterator[Key]:
    """Yield every key of a section and of the sections in it; the keys of a value once a value."""
    for name, info in model.model_fields.items():
        key = info.alias or name
        shape = shape_of(info.annotation)
        own, named = f"{path}{key}", f"{variable}{key.upper()}"
        yield Key(own, _variable(named, info, shape), info)
        for inner in sections_in(info.annotation):
            if inner is Value:
                yield from keys_of(Value, f"{_VALUE}.", _VALUE + "__")
                continue
            below, deeper = _step(shape)
            yield from keys_of(inner, f"{own}{below}.", f"{named}{deeper}__")


def _step(shape: Shape) -> tuple[str, str]:
    if shape.item is not None:
        return "[]", "__0"
    return (".*", "__NAME") if shape.free is not None else ("", "")


def _variable(named: str, info: FieldInfo, shape: Shape) -> str:
    """Return the variable that sets a key, or the first item of a list of plain values."""
    if "PATH" in type_text(info) or shape.scalar:
        return named
    if shape.item is not None and shape_of(shape.item).scalar:
        return f"{named}__0"
    return f"{named}__NAME" if shape.free is not None and not shape_of(shape.free).keys else ""


def _by_section() -> dict[str, list[Key]]:
    found: dict[str, dict[str, Key]] = {}
    for key in keys_of(Settings):
        section = key.path.split(".")[0].removesuffix("[]")
        found.setdefault(section, {})[key.path] = key
    return {section: list(keys.values()) for section, keys in found.items()}


def _row(key: Key, default: str, meaning: str) -> tuple[str, ...]:
    return (
        f"`{key.path}`" + (f"<br>`{key.variable}`" if key.variable else ""),
        type_text(key.info),
        _default(key.info, default),
        meaning.replace("](", "](../"),
    )


def _default(info: FieldInfo, told: str) -> str:
    """Return the model's default, or, where it has none, what the page says stands in."""
    default = info.get_default(call_default_factory=True)
    if default is PydanticUndefined or default is None:
        return told
    if is_duration(info):
        return f"`{duration_text(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(_quoted(item) for item in default)}]`"
    return '`""`' if default == "" else f"`{default}`"


def _quoted(item: object) -> str:
    return f'"{item}"' if item == "*" else str(item)
