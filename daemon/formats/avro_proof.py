"""Our own reader of Avro beside fastavro's: who reads the records of a schema.

Ours refuses what the specification forbids and fastavro lets through: a place of -1 in an enum is
its last symbol there. But fastavro is many people's, so a schema is read by ours only when both
say the same of records made up from it. Where they differ fastavro reads, laxly, as one that can't
be held to more.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

import fastavro

from daemon.formats.avro_binary import DamagedError
from daemon.formats.avro_reader import ReadWhole, whole_reader
from daemon.formats.avro_samples import samples
from daemon.formats.avro_types import Node, tree

_SAMPLES: Final = 40


def proven_reader(
    parsed: Any,  # noqa: ANN401  As fastavro has it.
    names: Mapping[str, Any],
) -> tuple[ReadWhole, Node | None]:
    """Return what reads a body, and the schema's tree where that is ours.

    What reads raises `DamagedError` where it can't be done.
    """
    try:
        node = tree(parsed, names)
        ours, theirs = whole_reader(node), lax_reader(parsed)
        said = [(repr(ours(body)), repr(theirs(body))) for body in samples(node, _SAMPLES)]
    except Exception:  # noqa: BLE001  Whatever it is, they do not say the same.
        return lax_reader(_without_decimals(parsed)), None
    if any(first != second for first, second in said):
        return lax_reader(_without_decimals(parsed)), None
    return ours, node


def lax_reader(parsed: Any) -> ReadWhole:  # noqa: ANN401
    """Return what reads a body by fastavro."""

    def read(body: bytes) -> Any:  # noqa: ANN401
        stream = _Exactly(body)
        try:
            value: Any = fastavro.schemaless_reader(stream, parsed, None)
        except Exception as error:  # noqa: BLE001  Of fastavro, whatever it may be: bad bytes.
            raise DamagedError(type(error).__name__) from None
        if stream.tell() != len(body):
            raise DamagedError("it goes on behind what the schema describes")
        return value

    return read


def _without_decimals(parsed: Any) -> Any:  # noqa: ANN401
    """Leave no decimals: a long one takes fastavro minutes, and here nobody looks before it."""
    if isinstance(parsed, list):
        return [_without_decimals(each) for each in parsed]
    if not isinstance(parsed, dict):
        return parsed
    return {
        name: _without_decimals(part)
        for name, part in parsed.items()
        if (name, part) != ("logicalType", "decimal")
    }


class _Exactly(io.BytesIO):
    """Gives as many bytes as are asked for, or none: fastavro takes fewer for a shorter value."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            raise EOFError
        data = super().read(size)
        if len(data) != size:
            raise EOFError
        return data
