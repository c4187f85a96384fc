"""Python source that steps over a record by its writer's schema, and keeps what is wanted of it.

Nothing of a schema becomes source but numbers: texts (an enum's symbols) go in as data, under names
made here, and the names of its fields go in nowhere. The source is held to `LINES_MAX`, and what it
may call is what it is given.

The code takes the good case only. What it meets otherwise raises, and the slow reader has the say:
a doubt, a length beyond the record (which a slice would not tell; the last check does), a place
behind its end (IndexError), a symbol that an enum has not (KeyError). It judges the parts nobody
wants as the slow reader does.

What an example has decides what is looked for first: a null where it has null, one byte where its
number has one. Any record is read whatever the example was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from daemon.formats.avro_binary import DECIMAL_BYTES_MAX
from daemon.formats.avro_types import (
    Decimal,
    Enum,
    Field,
    Fixed,
    Node,
    Plain,
    Record,
    Repeated,
    Union,
)
from daemon.formats.avro_wanted import Leaf, Part, UnfitError, Wanted, is_fit

LINES_MAX: Final = 2_000
_LOOPS_MAX: Final = 8  # One inside the other: Python takes 20.
CHOICES_MAX: Final = 64  # Whose places are one byte.
_BYTES_OF: Final = {"float": 4, "double": 8}


class Source(msgspec.Struct):
    """Lines under way: `b` is the record, `e` its length and `p` the place in it."""

    indent: int
    lines: list[str] = msgspec.field(default_factory=list)
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    _loops: int = 0
    _texts: list[int] = msgspec.field(default_factory=list)  # Stepped over, and not judged yet.
    _numbered: int = 0

    def add(self, *lines: str) -> None:
        """Add lines at the present depth."""
        if len(self.lines) + len(lines) > LINES_MAX:
            raise UnfitError
        self.lines += ["    " * self.indent + line for line in lines]

    def keep(self, value: object) -> str:
        """Return the name of a constant."""
        name = f"K{len(self.data)}"
        self.data[name] = value
        return name

    def take(self, node: Node, wanted: Wanted, example: object) -> None:
        """Add what goes over a part and keeps of it what is wanted."""
        if wanted is None and node == Plain("string"):
            self._step_text()
            return
        self.judge()
        if isinstance(node, Union):
            self._union(node, wanted, example)
        elif isinstance(wanted, Part):
            self._part(node, wanted, example)
        elif isinstance(wanted, Leaf):
            self._leaf(node, wanted)
        else:
            self._step(node, example)

    def judge(self) -> None:
        """Add the check of the texts that were stepped over: of all at once, mostly."""
        if not self._texts:
            return
        first = self._texts[0]
        self.add(f"if not b[q{first}:e{self._texts[-1]}].isascii():")
        self.indent += 1
        self.add(*(f"b[q{number}:e{number}].decode()" for number in self._texts))
        self.indent -= 1
        self._texts = []

    def block(self, head: str, node: Node, wanted: Wanted, example: object) -> None:
        """Add a part of which every line stands under a head."""
        self.add(head)
        self.indent += 1
        before = len(self.lines)
        self.take(node, wanted, example)
        self.judge()
        if len(self.lines) == before:
            self.add("pass")
        self.indent -= 1

    def _length(self, start: str) -> None:
        """Add the reading of a length; the bytes begin at `start`."""
        self.add("n = L[b[p]]", f"{start} = p + 1")
        self.add("if n < 0:", f"    n, {start} = size(b, p)", f"p = {start} + n")

    def _step_text(self) -> None:
        self._numbered += 1
        number = self._numbered
        self._length(f"q{number}")
        self.add(f"e{number} = p")
        self._texts.append(number)

    def _step(self, node: Node, example: object) -> None:
        match node:
            case Record(fields):
                self._fields(fields, {}, example)
            case Repeated():
                self._repeated(node)
            case Enum(symbols):
                self._choice(len(symbols))
            case Fixed(size):
                self.add(f"p += {size}")
            case Decimal(inner):
                self._decimal(inner)
            case Plain(kind):
                self._step_plain(kind, example)

    def _step_plain(self, kind: str, example: object) -> None:
        match kind:
            case "boolean":
                self.add("if b[p] > 1:", "    raise doubt", "p += 1")
            case "int":
                self.add("if b[p] < 128:", "    p += 1", "else:", "    p = behind_int(b, p)")
            case "long":
                self._step_long(example)
            case "float" | "double":
                self.add(f"p += {_BYTES_OF[kind]}")
            case "bytes":
                self._length("q")

    def _step_long(self, example: object) -> None:
        """Bytes of 128 and more go on, so what is left without them begins at the last byte."""
        large = (
            "q = p",
            "p = e - len(b[p:].lstrip(HIGH)) + 1",
            "if p - q > 9:",
            "    p = behind_long(b, q)",
        )
        if isinstance(example, int) and not -64 <= example < 64:  # noqa: PLR2004
            self.add(*large)
        else:
            self.add("if b[p] < 128:", "    p += 1", "else:", *(f"    {line}" for line in large))

    def _decimal(self, inner: Plain | Fixed) -> None:
        if isinstance(inner, Fixed):
            if inner.size > DECIMAL_BYTES_MAX:
                raise UnfitError
            self.add(f"p += {inner.size}")
            return
        self._length("q")
        self.add(f"if n > {DECIMAL_BYTES_MAX}:", "    raise doubt")

    def _choice(self, choices: int) -> None:
        if not 0 < choices <= CHOICES_MAX:
            raise UnfitError
        self.add("n = b[p]", f"if n & 1 or n > {2 * choices - 2}:", "    raise doubt", "p += 1")

    def _repeated(self, node: Repeated) -> None:
        self._loops += 1
        if self._loops > _LOOPS_MAX:
            raise UnfitError
        self.add("while b[p]:", "    n, p = items(b, p)", "    for _ in range(n):")
        self.indent += 2
        before = len(self.lines)
        if node.has_keys:
            self.take(Plain("string"), None, None)
        self.take(node.items, None, None)
        self.judge()
        if len(self.lines) == before:
            raise UnfitError
        self.indent -= 2
        self.add("p += 1")
        self._loops -= 1

    def _union(self, node: Union, wanted: Wanted, example: object) -> None:
        if len(node.branches) > CHOICES_MAX:
            raise UnfitError
        if isinstance(wanted, Part) and sum(isinstance(b, Record) for b in node.branches) != 1:
            raise UnfitError
        order = list(enumerate(node.branches))
        is_null = Plain("null")
        order.sort(key=lambda each: (each[1] == is_null) is (example is not None))
        self.add("n = b[p]", "p += 1")
        for at, (place, branch) in enumerate(order):
            head = f"{'elif' if at else 'if'} n == {2 * place}:"
            if wanted is None or is_fit(branch, wanted):
                self.block(head, branch, wanted, example)
            else:
                self.add(head, "    raise doubt")
        self.add("else:", "    raise doubt")

    def _part(self, node: Node, wanted: Part, example: object) -> None:
        is_record = isinstance(node, Record)
        if wanted.present:
            self.add(f"{wanted.present} = {is_record}")
        if isinstance(node, Record):
            self._fields(node.fields, wanted.fields, example)
        elif node != Plain("null") or not wanted.present:
            raise UnfitError

    def _leaf(self, node: Node, wanted: Leaf) -> None:
        if not is_fit(node, wanted):
            raise UnfitError
        into = wanted.variable
        match node:
            case Enum(symbols):
                # A byte that is no place in it is no key: KeyError.
                places = {2 * at: symbol for at, symbol in enumerate(symbols[:CHOICES_MAX])}
                self.add(f"{into} = {self.keep(places)}[b[p]]", "p += 1")
            case Plain("string"):
                self._length("q")
                self.add(f"{into} = b[q:p]{'' if wanted.raw else '.decode()'}")
            case Plain("boolean"):
                self._step(node, None)
                self.add(f"{into} = b[p - 1] == 1")
            case Plain("int" | "long" as kind):
                read = "small" if kind == "int" else "number"
                self.add(f"{into}, p = {read}(b, p)")
            case _:
                self.add(f"{into} = None")

    def _fields(
        self, fields: Sequence[Field], wanted: Mapping[str, Leaf | Part], example: object
    ) -> None:
        """Add a record's fields; several that were null in the example are tried as one."""
        values: dict[str, Any] = example if isinstance(example, dict) else {}
        at = 0
        while at < len(fields):
            nulls = _nulls(fields[at:], values)
            if len(nulls) > 1:
                self._run(fields[at : at + len(nulls)], nulls, wanted)
                at += len(nulls)
            else:
                each = fields[at]
                self.take(each.node, wanted.get(each.name), values.get(each.name))
                at += 1

    def _run(
        self, fields: Sequence[Field], nulls: bytes, wanted: Mapping[str, Leaf | Part]
    ) -> None:
        self.judge()
        asked = [wanted[each.name] for each in fields if each.name in wanted]
        self.add(f"if b[p:p + {len(nulls)}] == {self.keep(nulls)}:", f"    p += {len(nulls)}")
        for each in asked:
            if isinstance(each, Leaf):
                self.add(f"    {each.variable} = None")
            elif each.present:
                self.add(f"    {each.present} = False")
            else:
                raise UnfitError
        self.add("else:")
        self.indent += 1
        for one in fields:
            self.take(one.node, wanted.get(one.name), None)
        self.judge()
        self.indent -= 1


def _nulls(fields: Sequence[Field], values: Mapping[str, Any]) -> bytes:
    """Return how the nulls are written with which these fields begin, if they are as before."""
    nulls = bytearray()
    for each in fields:
        node = each.node
        if values.get(each.name, 0) is not None or not isinstance(node, Union):
            break
        place = next((at for at, b in enumerate(node.branches) if b == Plain("null")), None)
        if place is None or place >= CHOICES_MAX:
            break
        nulls.append(2 * place)
    return bytes(nulls)
