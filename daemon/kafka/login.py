"""The user and password of SASL, which may become others while the clients live.

A client has them from the moment it was made; whoever owns one tells it, on the thread that calls
it, when they have changed. librdkafka uses them from its next connection on, which it makes by
itself. What else a client is made with (certificates, tokens) it takes only once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient

USER: Final = "sasl.username"
PASSWORD: Final = "sasl.password"  # noqa: S105  A property's name.


class Login:
    """What one client was told last; `source` gives the properties of both as they are now."""

    def __init__(self, source: Callable[[], Mapping[str, str]] = dict) -> None:
        self._source = source
        self._told = self.properties()

    def properties(self) -> dict[str, str]:
        """Return both as they are now, for a client to be made; empty where there are none."""
        return dict(self._source())

    def follow(self, client: Consumer | Producer | AdminClient) -> None:
        """Tell the client if they have changed."""
        now = self.properties()
        if now == self._told or USER not in now or PASSWORD not in now:
            return
        client.set_sasl_credentials(now[USER], now[PASSWORD])
        self._told = now
