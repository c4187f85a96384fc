"""The two keys that Braze wants in every body, in a type that never shows them.

Owns nothing but the pair; reading key files and noticing that they changed is the
configuration's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Braze's `partner_api_key` and `client_secret` (the data import key).

    Its `repr`, `str` and `format` are masked and it can't be pickled or copied, so that no log
    line, dump or message shows a key by accident. It leaves the process in a body only.
    """

    partner_api_key: str = field(repr=False)
    client_secret: str = field(repr=False)

    def __repr__(self) -> str:
        return "Credentials(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("credentials are never pickled")

    def secrets(self) -> tuple[str, str]:
        """Return what must be masked wherever others' words are quoted."""
        return self.partner_api_key, self.client_secret
