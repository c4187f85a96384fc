"""What goes wrong at the simulated Braze with `--faults`: everything a retry must survive.

Each line is explained in docs/simulator.md. What is applied late is applied within the demo's
`settle`, which is what the daemon relies on.
"""

from __future__ import annotations

FAULTS = (
    "status=423,cohort=cart-abandoners,after=2,count=6",  # One cohort is locked for a while.
    "status=429,reset=2,rate=0.02,burst=4",
    "status=503,rate=0.06",
    "status=500,endpoint=cohorts,count=2",
    "late=1s,rate=0.04",  # Refused, and applied after all.
    "drop=before,rate=0.04",
    "drop=after,rate=0.04",
    "drop=during,rate=0.02",
    "truncate,rate=0.03",
    "queued,endpoint=users,rate=0.03",  # 202, applied a second later.
    "hang,rate=0.01",  # Until the request times out.
    "delay=20ms,jitter=500ms,rate=0.5",
)

# With or without faults, an answer takes a moment, as over a network.
CALM = ("delay=15ms,jitter=40ms",)
