"""A daemon's `/status`, asked for over HTTP."""

from __future__ import annotations

from typing import Any, Final

import httpx

from daemon.config.endpoint import parse_url
from daemon.errors import Problem, SettingsError

_ASK_S: Final = 5.0
_BYTES_MAX: Final = 16 * 2**20


class NoStatus(Exception):  # noqa: N818  It is an answer, not a mistake.
    """There is no status to be had; the text says why."""


class Source:
    """Asks one daemon, over one connection; raises SettingsError where `url` is no address."""

    def __init__(self, url: str) -> None:
        try:
            parse_url(url, path_allowed=True, http_anywhere=True)
        except ValueError as rule:
            remedy = "name a daemon's admin port, as http://127.0.0.1:8080"
            raise SettingsError([Problem("--url", str(rule), remedy)]) from None
        self.url = url.rstrip("/")
        # Not the environment's proxies: what is looked at is near.
        self._client = httpx.Client(timeout=_ASK_S, trust_env=False, follow_redirects=False)

    def ask(self) -> dict[str, Any]:
        """Return the status; raise NoStatus where there is none."""
        try:
            answer = self._client.get(f"{self.url}/status")
            found = answer.json() if len(answer.content) <= _BYTES_MAX else None
        except httpx.HTTPError as error:
            raise NoStatus(f"{type(error).__name__}: {error}") from None
        except ValueError as error:
            raise NoStatus(str(error)) from None
        if not isinstance(found, dict) or "summary" not in found:
            raise NoStatus(f"HTTP {answer.status_code} without a status; give cohortd's admin port")
        return found

    def close(self) -> None:
        """Give the connection up."""
        self._client.close()
