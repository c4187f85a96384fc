"""What a configuration amounts to, offline: itself with its defaults, and what follows from it."""

from __future__ import annotations

import yaml

from daemon.config.durations import duration_text
from daemon.config.settings import Settings, effective
from daemon.config.timing import read_timing
from daemon.core.pacer import SAFETY
from daemon.tools.check.finding import count

_NAME_CHARS = 20


def configuration_lines(settings: Settings) -> list[str]:
    """Return the effective configuration as YAML, defaults included and secrets masked."""
    shown = yaml.safe_dump(effective(settings), sort_keys=False, allow_unicode=True, width=1000)
    return ["# The configuration in force, defaults included, secrets masked.", *shown.splitlines()]


def derived_lines(settings: Settings) -> list[str]:
    """Return what follows from the settings and stands nowhere in them, as YAML comments."""
    rows = {
        "lease": f"{_lease(settings)}; a commit acknowledged lets us send for so long",
        "revoke deadline": f"{_time(settings.revoke_deadline_s)}; a rebalance waits at most so"
        " long for requests on their way",
        "take-over": f"about {_take_over(settings)} after a kill; a clean stop hands over at once",
        "requests": _requests(settings),
        "configuration hash": f"{settings.config_hash}; the same for all replicas of a deployment",
        "fingerprint": f"{settings.fingerprint}; stands with the group's offsets, from endpoint,"
        " partner, workspace and id_prefix",
    }
    told = [f"#   {name + ':':<{_NAME_CHARS}} {text}" for name, text in rows.items()]
    return ["# What follows from it:", *told]


def _requests(settings: Settings) -> str:
    delivery = settings.delivery
    used = delivery.requests_per_hour * (1 - delivery.reserve) * SAFETY
    return (
        f"at most {used:,.0f} of"
        f" {delivery.requests_per_hour:,} an hour for all replicas together"
        f" ({delivery.reserve:.0%} left to others), {count(delivery.max_in_flight, 'slot')} each"
    )


def _lease(settings: Settings) -> str:
    if settings.lease_s is None:
        return "what the group's configuration at the broker leaves, which is asked for"
    return _time(settings.lease_s)


def _take_over(settings: Settings) -> str:
    """Return session + settle: nobody else may send before (G6)."""
    timing = read_timing(settings.kafka.properties, settings.kafka.session_timeout)
    assert timing is not None
    if timing.session_s is None:
        return f"the group's session timeout and {_time(settings.delivery.settle)}"
    return _time(timing.session_s + settings.delivery.settle)


_time = duration_text
