"""Strays: members whose changes stand in more than one partition, so that no order holds for them.

Pure. A member of a cohort is kept as a 64-bit hash of both and the offset it was first met at: 16
bytes, nothing that names anybody. Above the limit every second hash is let go, again and again, so
memory is bounded, and what is found is found among a part that chance has chosen.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

from daemon.core.model import Member, Partition

HASHES_MAX: Final = 20_000_000  # 320 MB.
EXAMPLES_MAX: Final = 3
_RECENT_MAX: Final = 400_000  # Of a partition, before they are packed.
_BLOCKS_MAX: Final = 8
_BUCKETS: Final = 256
_BUCKET_BITS: Final = 56
_LOWEST: Final = -(2**63)


class Place(NamedTuple):
    """A partition, and an offset at or before a member's first change there."""

    partition: Partition
    at: int


class Stray(NamedTuple):
    """One member of one cohort, by its hash, and the first two places it was met at."""

    hash: int
    places: tuple[Place, Place]


@dataclass(frozen=True, slots=True)
class Found:
    """What comparing the partitions says: of so many members looked at, so many are strays."""

    members: int
    strays: int
    one_in: int  # Only every so many-th member could be kept.
    examples: tuple[Stray, ...]


class _Block(NamedTuple):
    hashes: array[int]  # In order.
    ats: array[int]


class Strays:
    """Takes the members of partitions, in any order, and finds those that are in two."""

    def __init__(self, hashes_max: int = HASHES_MAX) -> None:
        self._hashes_max = hashes_max
        self._mask = 0
        self._recent: dict[Partition, dict[int, int]] = {}
        self._blocks: dict[Partition, list[_Block]] = {}

    def add(
        self, partition: Partition, cohort: str, members: Iterable[Member], at: int = 0
    ) -> None:
        """Note members of a cohort whose changes stand there, at the offset or behind it."""
        recent = self._recent.setdefault(partition, {})
        mask = self._mask
        for hashed in map(hash, zip(repeat(cohort), members)):
            if not hashed & mask:
                recent.setdefault(hashed, at)
        if len(recent) > _RECENT_MAX:
            self._pack(partition)

    def close(self, partition: Partition) -> None:
        """Nothing more comes of this partition for now: keep it in as little as it takes."""
        self._pack(partition)

    def find(self) -> Found:
        """Compare all partitions, a part of the hashes at a time."""
        for partition in list(self._recent):
            self._pack(partition)
        members = strays = 0
        examples: list[Stray] = []
        for bucket in range(_BUCKETS):
            seen: dict[int, Place] = {}
            told: set[int] = set()
            for partition, blocks in self._blocks.items():
                here: dict[int, int] = {}
                for block in reversed(blocks):  # The first place it was met at stays.
                    here.update(_part(block, bucket))
                for hashed in here.keys() & seen.keys():
                    if hashed not in told and len(examples) < EXAMPLES_MAX:
                        places = (seen[hashed], Place(partition, here[hashed]))
                        examples.append(Stray(hashed, places))
                    told.add(hashed)
                seen.update(
                    (hashed, Place(partition, at))
                    for hashed, at in here.items()
                    if hashed not in seen
                )
            members += len(seen)
            strays += len(told)
        return Found(members, strays, self._mask + 1, tuple(examples))

    def _pack(self, partition: Partition) -> None:
        recent = self._recent.pop(partition, None)
        if not recent:
            return
        hashes = array("q", sorted(recent))
        blocks = self._blocks.setdefault(partition, [])
        blocks.append(_Block(hashes, array("q", map(recent.__getitem__, hashes))))
        if len(blocks) > _BLOCKS_MAX:
            self._blocks[partition] = [_merged(blocks)]
        while self._kept() > self._hashes_max:
            self._mask = 2 * self._mask + 1
            self._thin()

    def _kept(self) -> int:
        return sum(len(block.hashes) for blocks in self._blocks.values() for block in blocks)

    def _thin(self) -> None:
        for blocks in self._blocks.values():
            blocks[:] = [_packed(_kept_of(block, self._mask)) for block in blocks]
        for recent in self._recent.values():
            for hashed in [each for each in recent if each & self._mask]:
                del recent[hashed]


def _part(block: _Block, bucket: int) -> Mapping[int, int]:
    """Return the hashes of one bucket with their offsets."""
    lowest = _LOWEST + (bucket << _BUCKET_BITS)
    first = bisect_left(block.hashes, lowest)
    last = bisect_left(block.hashes, lowest + (1 << _BUCKET_BITS))
    return dict(zip(block.hashes[first:last], block.ats[first:last], strict=True))


def _kept_of(block: _Block, mask: int) -> Iterator[tuple[int, int]]:
    return (pair for pair in zip(block.hashes, block.ats, strict=True) if not pair[0] & mask)


def _merged(blocks: Iterable[_Block]) -> _Block:
    """Return the blocks as one, a hash once, with the offset of the oldest block that has it."""

    def once() -> Iterator[tuple[int, int]]:
        last: int | None = None
        every = (zip(block.hashes, block.ats, strict=True) for block in blocks)
        for hashed, at in heapq.merge(*every, key=lambda pair: pair[0]):
            if hashed != last:
                yield hashed, at
            last = hashed

    return _packed(once())


def _packed(pairs: Iterable[tuple[int, int]]) -> _Block:
    block = _Block(array("q"), array("q"))
    for hashed, at in pairs:
        block.hashes.append(hashed)
        block.ats.append(at)
    return block
