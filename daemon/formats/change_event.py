"""A change event taken out of its bytes: its operation and images, whichever the encoding.

JSON is decoded in parts, the mapped columns alone, so that what nobody reads is skipped and not
judged. Other encodings come as a whole `Tree`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from daemon.formats.changes import RejectError
from daemon.formats.codec import Codec, PartTypes, Tree
from daemon.formats.json_limits import DEPTH_MAX, check_limits, check_size, decode_json
from daemon.formats.logical import Types
from daemon.formats.wrapping import Side, SideTypes, Wrappings
from daemon.kafka.records import Reason

_MONGODB = (
    "an image that is a text (MongoDB) is not supported; put the connector's"
    " ExtractNewDocumentState transform before the topic"
)
_NULL, _ABSENT = msgspec.Raw(b"null"), msgspec.Raw(b"")
_any = msgspec.json.Decoder[Any]()


class ChangeEvent(Protocol):
    """One record out of its wrapping. Its `op` is `UNSET` where it has none."""

    @property
    def op(self) -> Any:  # noqa: ANN401
        """How the row changed, as it stands."""

    def image(self, side: Side, decoder: RowDecoder) -> Mapping[str, Any] | None:
        """Return the columns that the decoder knows, at least; None where the image is null.

        Raise `RejectError` where it is no row.
        """

    def row(self, side: Side) -> Any:  # noqa: ANN401
        """Return the image whole, whatever it is."""

    def types(self, side: Side) -> Types:
        """Return the logical types of an image's columns."""

    def source(self) -> Any:  # noqa: ANN401
        """Return what the connector says of where it comes from."""

    def whole(self) -> Any:  # noqa: ANN401
        """Return all of it."""


class Opener(Protocol):
    """Takes change events out of their bytes."""

    def open(self, value: bytes) -> ChangeEvent | None:
        """Return the event, None where nothing is in it; raise `RejectError` where it can't be."""


class RowDecoder:
    """Decodes some columns of an image and skips the others, whatever they hold."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {f"c{at}": name for at, name in enumerate(dict.fromkeys(names))}
        fields = [(field, Any, msgspec.UNSET) for field in self._names]
        row = msgspec.defstruct("Row", fields, rename=self._names)
        self._decoder = msgspec.json.Decoder(row)

    def decode(self, text: bytes, place: str) -> dict[str, Any]:
        """Return those of the columns that are there."""
        row = decode_json(self._decoder, text, place)
        columns = {name: getattr(row, field) for field, name in self._names.items()}
        return {name: raw for name, raw in columns.items() if raw is not msgspec.UNSET}


class AnyEnvelope(msgspec.Struct):
    """The top of a record, whichever of the connector's kinds it is; images are not decoded."""

    op: Any = msgspec.UNSET
    before: msgspec.Raw = _NULL
    after: msgspec.Raw = _NULL
    source: msgspec.Raw = _NULL
    schema: msgspec.Raw = _NULL
    payload: msgspec.Raw = _ABSENT


_top = msgspec.json.Decoder(AnyEnvelope)


class JsonEvent(msgspec.Struct, frozen=True):
    """An event in JSON; see `ChangeEvent`."""

    envelope: AnyEnvelope
    side_types: SideTypes
    text: bytes  # The envelope as it stands in the record.

    @property
    def op(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return self.envelope.op

    def image(self, side: Side, decoder: RowDecoder) -> Mapping[str, Any] | None:
        """See `ChangeEvent`."""
        text = bytes(getattr(self.envelope, side))
        if text == b"null":
            return None
        if text.startswith(b'"'):
            raise RejectError(Reason.UNSUPPORTED, _MONGODB)
        return decoder.decode(text, side)

    def row(self, side: Side) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return decode_json(_any, getattr(self.envelope, side), side)

    def types(self, side: Side) -> Types:
        """See `ChangeEvent`."""
        return self.side_types.get(side, {})

    def source(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return decode_json(_any, self.envelope.source, "source")

    def whole(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return decode_json(_any, self.text, "the value")


class JsonOpener:
    """Opens events in JSON, with the connector's schema around them or without."""

    def __init__(self, wrappings: Wrappings) -> None:
        self._wrappings = wrappings

    def open(self, value: bytes) -> JsonEvent | None:
        """See `Opener`."""
        check_size(value)
        wrapping = self._wrappings.find(value)
        text = None if wrapping is None else wrapping.payload_of(value)
        if wrapping is not None and text is not None:
            check_limits(text, depth_max=DEPTH_MAX - 1)
            if text == b"null":
                return None
            try:
                return JsonEvent(_top.decode(text), wrapping.types, text)
            except ValueError:  # Of msgspec, or of UTF-8.
                pass  # Something stands behind the payload, or is wrong: the whole tells.
        return self._open_whole(value)

    def _open_whole(self, value: bytes) -> JsonEvent | None:
        check_limits(value)
        envelope = decode_json(_top, value, "the value")
        if envelope.op is not msgspec.UNSET or not bytes(envelope.payload):
            return JsonEvent(envelope, {}, value)
        text = bytes(envelope.payload)
        if text == b"null":
            return None
        types = self._wrappings.types_of(envelope.schema)
        return JsonEvent(decode_json(_top, text, "payload"), types, text)


class TreeEvent(msgspec.Struct, frozen=True):
    """An event that was decoded whole; see `ChangeEvent`."""

    tree: Tree

    @property
    def op(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return self.tree.value.get("op", msgspec.UNSET)

    def image(self, side: Side, decoder: RowDecoder) -> Mapping[str, Any] | None:  # noqa: ARG002
        """See `ChangeEvent`."""
        row = self.row(side)
        if isinstance(row, str):
            raise RejectError(Reason.UNSUPPORTED, _MONGODB)
        if row is not None and not isinstance(row, dict):
            raise RejectError(Reason.INVALID_RECORD, f"{side} is no row")
        return row

    def row(self, side: Side) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return self.tree.value.get(side)

    def types(self, side: Side) -> Types:
        """See `ChangeEvent`."""
        return PartTypes(self.tree.types, side)

    def source(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return self.tree.value.get("source")

    def whole(self) -> Any:  # noqa: ANN401
        """See `ChangeEvent`."""
        return self.tree.value


class TreeOpener:
    """Opens events in any encoding."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def open(self, value: bytes) -> TreeEvent | None:
        """See `Opener`."""
        tree = self._codec.open(value, "the value")
        if tree.value is None:
            return None
        if not isinstance(tree.value, dict):
            raise RejectError(Reason.INVALID_RECORD, "the value is no record")
        return TreeEvent(tree)
