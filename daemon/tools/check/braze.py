"""What Braze says to our credentials: an empty list of changes, sent once, which changes nothing.

It owns the next step for each answer.
"""

from __future__ import annotations

import asyncio
from typing import Final

from daemon.assembly import braze_slot
from daemon.config.durations import duration_text
from daemon.config.settings import Settings
from daemon.core.verdict import Answer, Quota, Verdict
from daemon.tools.check.finding import Finding, Group, note, ok, problem, warning

ATTEMPT_S_MAX: Final = 10.0  # A person waits for the answer.

_PROXY = "see whether a proxy is needed (braze.proxy) and a firewall lets it through"
_AGAIN = "try again in a minute; the daemon would go on trying by itself"

# What an answer other than accepted means: the setting it is about, what is so, what to do.
# `{partner_key}` and `{import_key}` are the settings the keys came from.
_ANSWERS: Final = {
    "partner_key": (
        "{partner_key}",
        "Braze refuses the partner API key",
        "put in the key Braze gave partner {partner} for this region: US and EU differ",
    ),
    "client_secret": (
        "{import_key}",
        "Braze refuses the data import key",
        "make a new one on the page of partner {partner} in the workspace's dashboard",
    ),
    "unauthorized": (
        "{import_key}",
        "Braze refuses the request, and does not say which of the two keys is wrong",
        "compare {partner_key} with what Braze gave for this region, then make a new import key",
    ),
    "partner_not_enabled": (
        "braze.partner",
        "Braze says that partner {partner} is not enabled for this workspace",
        "ask Braze to enable it, or correct braze.partner",
    ),
    "forbidden": (
        "{address}",
        "Braze forbids the request",
        "see whether Braze admits only listed addresses, and whether the company's plan is active",
    ),
    "not_found": (
        "braze.partner",
        "Braze does not know this address for partner {partner}",
        "correct braze.partner, or {address}: it is the REST endpoint, not the dashboard's",
    ),
    "redirect": (
        "{address}",
        "the address answers with a redirect, which is never followed",
        "set the REST endpoint of your cluster",
    ),
    "tls": (
        "braze.ca_file",
        "the TLS connection can't be trusted",
        "set braze.ca_file where a proxy signs with a CA of its own; look at this machine's clock",
    ),
    "connect": (
        "{address}",
        "can't be reached",
        f"correct braze.cluster or braze.endpoint; {_PROXY}",
    ),
    "timeout": ("{address}", "gave no answer in time", _PROXY),
    "reset": ("{address}", "broke the connection off", f"{_AGAIN}; {_PROXY}"),
    "truncated": (
        "{address}",
        "gave no whole answer",
        f"see whether this is Braze's address; {_PROXY}",
    ),
    "server_error": ("{address}", "Braze answers with an error of its own", _AGAIN),
    "request_timeout": ("{address}", "Braze gave up waiting for the request", _AGAIN),
}
_OTHERWISE: Final = (
    "{address}",
    "gave an answer that Braze does not document",
    "see whether this is Braze's REST endpoint",
)
# Braze is there and busy: it said nothing about the keys.
_BUSY: Final = {
    "rate_limited": ("the hour's requests are used up", "lower delivery.requests_per_hour"),
    "locked": ("Braze has locked the cohort the check asks with", _AGAIN),
}


def look(settings: Settings) -> list[Group]:
    """Ask once and say what the answer means."""
    delivery = settings.delivery
    attempt_s = min(delivery.request_timeout, ATTEMPT_S_MAX)
    quick = delivery.model_copy(update={"request_timeout": attempt_s})
    answer = asyncio.run(_probe(settings.model_copy(update={"delivery": quick})))
    title = f"Braze at {settings.braze_url}, partner {settings.braze.partner}"
    return [Group(title, tuple(judge(answer, settings)))]


async def _probe(settings: Settings) -> Answer:
    slot = braze_slot(settings)
    try:
        return await slot.probe()
    finally:
        await slot.aclose()


def judge(answer: Answer, settings: Settings) -> list[Finding]:
    """Return what an answer to the empty list means."""
    if answer.verdict is Verdict.ACCEPTED or answer.reason in {"refused", "too_large"}:
        return [*_taken(answer), *_quota(answer.quota, settings)]
    if answer.reason in _BUSY:
        what, remedy = _BUSY[answer.reason]
        told = f"{what}, so nothing is known about the keys{_quoted(answer)}"
        return [warning("braze", told, remedy), *_quota(answer.quota, settings)]
    reason = answer.reason
    if reason == "client_secret" and "secret" not in answer.detail.lower():
        reason = "unauthorized"  # What the verdict makes of a 401 with other words.
    where, what, remedy = (
        text.format_map(_names(settings)) for text in _ANSWERS.get(reason, _OTHERWISE)
    )
    if answer.reason == "timeout":
        waited_s = min(settings.delivery.request_timeout, ATTEMPT_S_MAX)
        what = f"gave no whole answer within {duration_text(waited_s)}"
    return [problem(where, what + _quoted(answer), remedy)]


def _taken(answer: Answer) -> list[Finding]:
    findings = [ok("braze", f"both keys are taken (HTTP {answer.status} to an empty list)")]
    if answer.reason == "queued":
        findings.append(note("braze", "is in maintenance: it queues what it is sent"))
    return findings


def _quota(quota: Quota, settings: Settings) -> list[Finding]:
    wanted = settings.delivery.requests_per_hour
    if quota.limit is None:
        return []
    if quota.limit < wanted:
        what = f"is {wanted:,}, but Braze allows {quota.limit:,} requests an hour"
        return [warning("delivery.requests_per_hour", what, f"set it to {quota.limit}")]
    left = "" if quota.remaining is None else f", {quota.remaining:,} are left in this one"
    return [
        ok("delivery.requests_per_hour", f"Braze allows {quota.limit:,} requests an hour{left}")
    ]


def _quoted(answer: Answer) -> str:
    """Return the status and what was said with it; secrets are masked in it already."""
    said = [f"HTTP {answer.status}"] if answer.status is not None else []
    said += [answer.detail] if answer.detail else []
    return f" ({': '.join(said)})" if said else ""


def _names(settings: Settings) -> dict[str, str]:
    braze = settings.braze
    return {
        "address": "braze.cluster" if braze.endpoint is None else "braze.endpoint",
        "partner": braze.partner,
        "partner_key": "braze.partner_api_key" + ("_file" if braze.partner_api_key_file else ""),
        "import_key": "braze.data_import_key" + ("_file" if braze.data_import_key_file else ""),
    }
