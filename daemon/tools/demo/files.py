"""The daemon's configuration for the demo: a real file, with short times, and its two keys."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml

INPUT = "cohort.membership"
DEAD_LETTERS = "cohort.membership.dlq"
PARTNER = "demo"
WINDOW_S = 1
SETTLE_S = 2
SESSION_S = 6
GRACE_S = 10


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What stands in the demo's own folder."""

    config: Path
    log: Path
    partner_api_key: str
    data_import_key: str


def write_files(folder: Path, bootstrap: str, endpoint: str) -> DemoFiles:
    """Write the configuration and its keys; the endpoint must take those keys."""
    keys = {name: secrets.token_hex(16) for name in ("partner_api_key", "data_import_key")}
    for name, key in keys.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(f"{key}\n", encoding="utf-8")
    config = folder / "cohortd.yaml"
    text = yaml.safe_dump(configuration(folder, bootstrap, endpoint), sort_keys=False)
    config.write_text(text, encoding="utf-8")
    return DemoFiles(config, folder / "cohortd.log", **keys)


def configuration(folder: Path, bootstrap: str, endpoint: str) -> dict[str, object]:
    """Return a configuration whose times suit forty seconds: a crash is taken over in 11."""
    return {
        "kafka": {
            "bootstrap_servers": bootstrap,
            "group_id": "cohortd-demo",
            "properties": {"session.timeout.ms": SESSION_S * 1000, "heartbeat.interval.ms": 500},
        },
        "inputs": [{"topic": INPUT, "format": "native"}],
        "start": "earliest",
        "braze": {
            "workspace": "demo",
            "endpoint": endpoint,
            "partner": PARTNER,
            "partner_api_key_file": str(folder / "partner_api_key"),
            "data_import_key_file": str(folder / "data_import_key"),
        },
        "window": {"max_age": f"{WINDOW_S}s"},
        "delivery": {
            "request_timeout": "2s",
            "settle": f"{SETTLE_S}s",
            "backoff": {"initial": "200ms", "max": "2s"},
        },
        "dead_letter": {"topic": DEAD_LETTERS},
        "shutdown": {"grace": f"{GRACE_S}s"},
        "admin": {"host": "127.0.0.1", "port": 0},
    }
