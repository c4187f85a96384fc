"""One attempt at Braze: the two cohort endpoints, over httpx, as a value.

Owns the slot: one connection, one request at a time. Knows nothing of flushes, retries or pace.
Whatever the world does comes back as an `Answer`; only our own bugs raise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, cast
from urllib.parse import quote as percent_encode

import httpx

from daemon import __version__
from daemon.braze.answer import Heard, Unquotable, read_answer, read_failure
from daemon.braze.body import NO_CHANGES, cohort_body, users_body
from daemon.braze.credentials import Credentials
from daemon.braze.transport import ATTEMPT, SlotTransport
from daemon.braze.wire import Attempt
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Answer

PROBE_COHORT: Final = "cohortd-probe"  # A probe changes nothing, but Braze wants a valid string.


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a workspace's cohorts live, and how to get there."""

    url: str  # Scheme, host and perhaps a path: `https://rest.iad-01.braze.com`.
    partner: str
    id_prefix: str = ""  # Before every cohort id at Braze.
    request_timeout_s: float = 10.0  # One attempt, all phases.
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)  # It may hold a password.

    def path(self, tail: str) -> httpx.URL:
        """Return the URL of the partner's endpoint that ends in `tail`."""
        partner = percent_encode(self.partner, safe="")
        return httpx.URL(f"{self.url.rstrip('/')}/partners/{partner}/{tail}")


class BrazeClient:
    """One slot: at most one request at a time, over a connection of its own.

    Every call ends within the request timeout by itself; it need not and must not be cancelled.
    It returns the attempt's whole meaning. The credentials are asked for at each attempt, so a new
    key is used by the next one, and appear in nothing that is returned, logged or raised. After
    any failure the slot is as good as new.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials],
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: SlotTransport | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._clock = clock
        self._transport = transport or SlotTransport(
            endpoint.url, ca_file=endpoint.ca_file, proxy=endpoint.proxy, clock=clock
        )
        self._users_url = endpoint.path("cohorts/users")
        self._cohorts_url = endpoint.path("cohorts")
        self._headers = _headers(self._users_url)
        self._proxy_password = httpx.URL(endpoint.proxy).password if endpoint.proxy else ""
        self._busy = False

    async def send_update(
        self, update: CohortUpdate, encoded: bytes, *, allowed_s: float | None = None
    ) -> Answer:
        """Send `encoded`, which `body.encode_update` made of the update, once.

        The request timeout counts from `allowed_s`, when the lease was asked; from now where it
        is None. An attempt whose time is over before a byte has left is not sent.
        """
        credentials = self._credentials()
        body = users_body(credentials, self._endpoint.id_prefix + update.cohort, encoded)
        attempt = self._begin(allowed_s)
        return await self._post(self._users_url, body, credentials, attempt, update)

    async def announce(
        self, cohort_id: str, name: str, created_at: str, *, allowed_s: float | None = None
    ) -> Answer:
        """Create the cohort, or give it its new name; harmless to repeat."""
        credentials = self._credentials()
        body = cohort_body(credentials, self._endpoint.id_prefix + cohort_id, name, created_at)
        return await self._post(self._cohorts_url, body, credentials, self._begin(allowed_s))

    async def probe(self, cohort_id: str = PROBE_COHORT) -> Answer:
        """Ask whether Braze takes our credentials, by a list of no changes.

        A REFUSED answer says so too: Braze looked past the credentials.
        """
        credentials = self._credentials()
        body = users_body(credentials, self._endpoint.id_prefix + cohort_id, NO_CHANGES)
        return await self._post(self._users_url, body, credentials, self._begin())

    @property
    def connected(self) -> bool:
        """Whether a request would wait for no handshake."""
        return self._transport.connected

    async def connect(self) -> None:
        """Connect ahead of the next request, which is the one to tell of a failure."""
        assert not self._busy
        self._busy = True
        try:
            await self._transport.connect(self._begin())
        except (httpx.TransportError, OSError):
            pass
        finally:
            self._busy = False

    async def aclose(self) -> None:
        """Close the connection. Call it when no request is under way."""
        assert not self._busy
        await self._transport.aclose()

    def _begin(self, allowed_s: float | None = None) -> Attempt:
        begun_s = self._clock() if allowed_s is None else allowed_s
        return Attempt(begun_s + self._endpoint.request_timeout_s)

    async def _post(
        self,
        url: httpx.URL,
        body: bytes,
        credentials: Credentials,
        attempt: Attempt,
        update: CohortUpdate | None = None,
    ) -> Answer:
        assert not self._busy, "a slot sends one request at a time"
        self._busy = True
        headers = [*self._headers, (b"Content-Length", b"%d" % len(body))]
        try:
            heard = await self._exchange(
                httpx.Request(
                    "POST",
                    url,
                    headers=headers,
                    stream=httpx.ByteStream(body),
                    extensions={ATTEMPT: attempt},
                ),
                attempt,
            )
        except httpx.LocalProtocolError:  # We broke HTTP's rules: a bug.
            raise
        except (httpx.TransportError, OSError) as error:
            if not isinstance(error, httpx.TransportError):
                # The machine is short of something, such as file descriptors.
                error = httpx.ConnectError(str(error))
            answer = read_failure(
                error, sent=attempt.sent, unquotable=self._unquotable(credentials, update)
            )
        else:
            answer = read_answer(heard, self._unquotable(credentials, update))
        finally:
            self._busy = False
        return replace(answer, late=True) if attempt.late else answer

    async def _exchange(self, request: httpx.Request, attempt: Attempt) -> Heard:
        response = await self._transport.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        parts: list[bytes] = []
        failure: httpx.TransportError | None = None
        try:
            parts.extend([part async for part in stream])
        except httpx.TransportError as error:
            failure = error
        finally:
            await stream.aclose()
        headers, body = response.headers.raw, b"".join(parts)
        return Heard(response.status_code, headers, body, failure, early=attempt.early)

    def _unquotable(self, credentials: Credentials, update: CohortUpdate | None) -> Unquotable:
        return Unquotable((*credentials.secrets(), self._proxy_password), update)


def _headers(url: httpx.URL) -> list[tuple[bytes, bytes]]:
    """Return what every request says; nothing else is added by anybody on the way."""
    return [
        (b"Host", url.netloc),
        (b"User-Agent", f"cohortd/{__version__}".encode("ascii")),
        (b"Content-Type", b"application/json"),
        (b"Accept", b"application/json"),
        (b"Accept-Encoding", b"identity"),
    ]
