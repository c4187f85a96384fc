"""Who may send: the partner's key and the client's secret, both of which can be rotated.

Owns the 401 texts. It never prints or returns a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

PARTNER_KEY_TEXT = "Invalid partner API key"
CLIENT_SECRET_TEXT = "Invalid client secret"  # noqa: S105 - Braze's text, not a secret.
NOT_ENABLED_TEXT = "Partner not enabled for this client"


class Keys:
    """The keys that are accepted. Several are possible, so that a rotation can overlap.

    Where none is given, every non-empty string is accepted.
    """

    def __init__(
        self, partner_api_keys: Iterable[str] = (), client_secrets: Iterable[str] = ()
    ) -> None:
        self._partner_api_keys = _in_order(partner_api_keys)
        self._client_secrets = frozenset(client_secrets)
        self._enabled = True

    def replace(
        self,
        *,
        partner_api_keys: Iterable[str] | None = None,
        client_secrets: Iterable[str] | None = None,
        partner_enabled: bool | None = None,
    ) -> None:
        """Replace what is given; what is None stays as it was."""
        if partner_api_keys is not None:
            self._partner_api_keys = _in_order(partner_api_keys)
        if client_secrets is not None:
            self._client_secrets = frozenset(client_secrets)
        if partner_enabled is not None:
            self._enabled = partner_enabled

    def objection(self, partner_api_key: object, client_secret: object) -> str | None:
        """Return the text of the 401, or None where the sender may send."""
        if not _accepted(partner_api_key, self._partner_api_keys):
            return PARTNER_KEY_TEXT
        if not _accepted(client_secret, self._client_secrets):
            return CLIENT_SECRET_TEXT
        return None if self._enabled else NOT_ENABLED_TEXT

    def place(self, partner_api_key: object) -> int | None:
        """Return the key's place among the accepted ones, from 0: who sent, without the key."""
        if not isinstance(partner_api_key, str):
            return None
        return self._partner_api_keys.get(partner_api_key)

    def as_json(self) -> dict[str, object]:
        """Return how many keys are accepted, never which; 0 means that all are."""
        return {
            "partner_api_keys": len(self._partner_api_keys),
            "client_secrets": len(self._client_secrets),
            "partner_enabled": self._enabled,
        }


def _in_order(keys: Iterable[str]) -> dict[str, int]:
    return {key: place for place, key in enumerate(dict.fromkeys(keys))}


def _accepted(key: object, keys: Collection[str]) -> bool:
    if not isinstance(key, str) or not key:
        return False
    return not keys or key in keys
