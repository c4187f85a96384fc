"""Member ids made unreadable, yet comparable between the lines of one deployment."""

from __future__ import annotations

import hashlib
import secrets

from daemon.core.model import Alias, Device, Member

_PREFIX_BYTES = 8
_KEY_BYTES = 32


class MemberHasher:
    """The first 8 bytes of keyed BLAKE2b of a member, as 16 hexadecimal digits.

    The same member gives the same digits under the same key, and nothing without the key tells
    which member it was. Without a key one is drawn: digits then compare within this process only.
    An external id, an alias and a device id of the same text are three members.
    """

    def __init__(self, key: bytes | None = None) -> None:
        material = key or secrets.token_bytes(_KEY_BYTES)
        self._key = hashlib.blake2b(material, digest_size=_KEY_BYTES).digest()

    def digest(self, member: Member) -> str:
        """Return the digits that stand for this member."""
        parts: tuple[str, ...]
        match member:
            case Alias(name, label):
                parts = ("alias", label, name)
            case Device(id_):
                parts = ("device_id", id_)
            case _:
                parts = ("external_id", member)
        # Lengths before the parts: no two members share an encoding.
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        message = b"".join(b"%d:%b" % (len(part), part) for part in encoded)
        return hashlib.blake2b(message, key=self._key).digest()[:_PREFIX_BYTES].hex()
