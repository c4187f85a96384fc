"""From what came back to an `Answer`: headers, body and failures, read with suspicion.

Pure. Owns how an answer's parts are read; what they mean is decided by `core.verdict`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec
import orjson

from daemon.braze.body import ids_of
from daemon.braze.quoting import quote
from daemon.braze.wire import AnswerTooLarge, TlsRefused
from daemon.core.model import CohortUpdate
from daemon.core.verdict import Answer, Quota, Verdict, judge, judge_failure

# Quotas reset on the clock hour, so a longer wait is no instruction of Braze's.
RETRY_AFTER_S_MAX: Final = 3_720.0
_NUMBER = re.compile(rb"[0-9]{1,15}(\.[0-9]{1,9})?")

# The first that matches names the reason; the order matters, since httpx's classes are a tree.
_REASONS: tuple[tuple[type[httpx.TransportError], str], ...] = (
    (TlsRefused, "tls"),
    (AnswerTooLarge, "truncated"),
    (httpx.ConnectError, "connect"),
    (httpx.ConnectTimeout, "connect"),
    (httpx.ProxyError, "connect"),
    (httpx.TimeoutException, "timeout"),
    (httpx.NetworkError, "reset"),
    (httpx.RemoteProtocolError, "truncated"),  # Broke off, or is not HTTP.
)


class Heard(msgspec.Struct, frozen=True):
    """What came back of an answer. `failure` is set when it broke off in the body."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    failure: httpx.TransportError | None = None
    early: bool = False  # It ended while a part of the request had not left.


@dataclass(frozen=True, slots=True)
class Unquotable:
    """What `Answer.detail` must not show."""

    secrets: tuple[str, ...] = ()
    update: CohortUpdate | None = None  # Its members' ids.

    def quote(self, text: str) -> str:
        """Return at most 256 characters of the text without them."""
        return quote(text, self.secrets, () if self.update is None else ids_of(self.update))

    def __repr__(self) -> str:
        return "Unquotable(***)"


def read_failure(error: httpx.TransportError, *, sent: bool, unquotable: Unquotable) -> Answer:
    """Return the answer for an attempt that ended before a status came."""
    return judge_failure(_reason(error), bytes_sent=sent, detail=unquotable.quote(str(error)))


def read_answer(heard: Heard, unquotable: Unquotable) -> Answer:
    """Return the answer for an attempt that got at least a status and headers."""
    headers = {name.lower(): value for name, value in heard.headers}
    readable = heard.failure is None and _is_plain(headers)
    said = _parse(heard.body) if readable else None
    success = 200 <= heard.status < 300  # noqa: PLR2004
    text = heard.body.decode(errors="replace") if readable and not success else ""
    # Nobody can have taken a request that he was never sent whole; refuse it he can.
    whole = isinstance(said, dict) and not heard.early if success else readable
    verdict, sent, reason = judge(heard.status, text, whole=whole)
    if reason == "truncated" and heard.failure is not None:
        reason = _reason(heard.failure)
    errors = _count(said.get("errors")) if verdict is Verdict.ACCEPTED and whole and said else 0
    clean = verdict is Verdict.ACCEPTED and not errors
    return Answer(
        verdict,
        sent,
        reason,
        status=heard.status,
        detail="" if clean else unquotable.quote(_detail(heard, headers, said)),
        quota=_quota(headers),
        retry_after_s=_retry_after_s(headers.get(b"retry-after")),
        errors=errors,
    )


def _reason(error: httpx.TransportError) -> str:
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "unexpected")


def _is_plain(headers: dict[bytes, bytes]) -> bool:
    """Whether the body is as it was meant: we ask for `identity` and never decompress."""
    return headers.get(b"content-encoding", b"identity").strip().lower() in {b"identity", b""}


def _parse(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _count(errors: object) -> int:
    """Count `errors`: a list by its length; Braze does not document the shape, so else as one."""
    if isinstance(errors, list):
        return len(errors)
    return 1 if errors else 0


def _detail(heard: Heard, headers: dict[bytes, bytes], said: object) -> str:
    if broken := _broken(heard):  # Half an answer may end in half a secret: it is not quoted.
        return broken
    if not _is_plain(headers):
        return f"{heard.status}: the answer is compressed, although identity was asked for"
    if 300 <= heard.status < 400 and b"location" in headers:  # noqa: PLR2004
        return f"redirected to {_host(headers[b'location'])}; set that endpoint if it is right"
    if not heard.body:
        return "the answer is empty"
    if isinstance(said, dict) and isinstance(said.get("message"), str):
        errors = said.get("errors")
        sample = errors[0] if isinstance(errors, list) and errors else errors
        message: str = said["message"]
        return f"{message}: {_as_text(sample)}" if sample else message
    return heard.body.decode(errors="replace")


def _broken(heard: Heard) -> str:
    if heard.failure is not None:
        return f"{heard.status}, then: {heard.failure}"
    if heard.early and 200 <= heard.status < 300:  # noqa: PLR2004
        return f"{heard.status} before the whole request had left"
    return ""


def _as_text(sample: object) -> str:
    try:
        return sample if isinstance(sample, str) else orjson.dumps(sample).decode()
    except TypeError:  # It reads four times as deep as it writes.
        return "an error nested too deeply to be shown"


def _host(location: bytes) -> str:
    """Return scheme and host only: a path or query may carry anything."""
    try:
        parts = urlsplit(location.decode("latin-1"))
    except ValueError:
        return "an unreadable address"
    return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "another path"


def _quota(headers: dict[bytes, bytes]) -> Quota:
    limit = _number(headers.get(b"x-ratelimit-limit"))
    remaining = _number(headers.get(b"x-ratelimit-remaining"))
    return Quota(
        None if limit is None else int(limit),
        None if remaining is None else int(remaining),
        _number(headers.get(b"x-ratelimit-reset")),
    )


def _retry_after_s(value: bytes | None) -> float | None:
    """Read seconds only: a date would need the wall clock, which decides nothing here."""
    delay_s = _number(value)
    return None if delay_s is None else min(delay_s, RETRY_AFTER_S_MAX)


def _number(value: bytes | None) -> float | None:
    value = b"" if value is None else value.strip()
    return float(value) if _NUMBER.fullmatch(value) else None
