"""Settings: the whole configuration, read from files and environment, checked all at once.

    settings = load([Path("config.yaml")], os.environ)

`load` either returns settings that keep every rule or raises one `SettingsError` with all
problems. Nothing here, nor in what it raises, shows a secret's value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationError

from daemon.config.braze import KEYS, BrazeSettings
from daemon.config.crosschecks import check_between
from daemon.config.document import Document, merge, read_document
from daemon.config.environment import overlay
from daemon.config.inputs import InputSettings
from daemon.config.kafka_names import CONSUMER_ONLY, LIVE
from daemon.config.kafka_properties import text_of
from daemon.config.noted import Noted, Values
from daemon.config.registry import SECRETS, RegistrySettings
from daemon.config.secrets import Secret
from daemon.config.sections import (
    AdminSettings,
    CohortsSettings,
    DeadLetterSettings,
    DeliverySettings,
    KafkaSettings,
    LogSettings,
    MemorySettings,
    MetricsSettings,
    ShutdownSettings,
    WindowSettings,
)
from daemon.config.selection import CohortSelection
from daemon.config.timing import REVOKE_MARGIN_S, read_timing
from daemon.config.words import translate
from daemon.core.lease import lease_length_s
from daemon.errors import Problem, SettingsError
from daemon.tokens.msk import msk_tokens


def parse_start(value: object) -> str | datetime:
    """Return `earliest`, `latest` or a time in UTC; raise ValueError for anything else."""
    if value in ("earliest", "latest"):
        return str(value)
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise ValueError("must be earliest, latest or a time like 2026-01-31T06:00:00Z")
    if time.tzinfo is None:
        raise ValueError("is a time without a zone; end it with Z for UTC, or with +01:00")
    try:
        time = time.astimezone(UTC)
    except OverflowError:
        raise ValueError("is a time no record has") from None
    if time.timestamp() < 0:
        raise ValueError("is a time before 1970, which no record has")
    return time


def _start_text(start: str | datetime) -> str:
    return start if isinstance(start, str) else start.isoformat().replace("+00:00", "Z")


class Settings(Noted):
    """Everything a person can set. Immutable; only secrets change, by their own `refresh`."""

    PATH: ClassVar[str] = ""

    kafka: KafkaSettings
    inputs: Annotated[tuple[InputSettings, ...], Field(min_length=1, max_length=1000)]
    start: Annotated[
        str | datetime,
        PlainValidator(parse_start, json_schema_input_type=str),
        PlainSerializer(_start_text, return_type=str),
    ]
    schema_registry: RegistrySettings | None = None
    braze: BrazeSettings
    cohorts: CohortsSettings = CohortsSettings()
    window: WindowSettings = WindowSettings()
    delivery: DeliverySettings = DeliverySettings()
    memory: MemorySettings = MemorySettings()
    dead_letter: DeadLetterSettings = DeadLetterSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    admin: AdminSettings = AdminSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    @property
    def braze_url(self) -> str:
        """Braze's address, normalised, without a slash at its end."""
        return self.braze.url

    @property
    def lease_s(self) -> float | None:
        """How long an acknowledged commit lets us write (G6).

        None under group.protocol=consumer without `kafka.session_timeout`: then S and H come from
        the group's configuration at the broker, which the daemon asks for.
        """
        timing = read_timing(self.kafka.properties, self.kafka.session_timeout)
        assert timing is not None, "load has read the times already"
        if timing.session_s is None:
            return None
        return lease_length_s(timing.session_s, timing.heartbeat_s, self.delivery.request_timeout)

    @property
    def revoke_deadline_s(self) -> float:
        """How long `on_revoke` may take: below half of max.poll.interval.ms."""
        return self.delivery.request_timeout + REVOKE_MARGIN_S

    @property
    def config_hash(self) -> str:
        """Twelve hex digits, the same for the same effective configuration, without secrets."""
        text = json.dumps(effective(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def fingerprint(self) -> str:
        """Eight hex digits over what a group's offsets belong to (G15)."""
        braze = self.braze
        parts = [braze.url, braze.partner, braze.workspace, self.cohorts.id_prefix]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]

    def selection(self) -> CohortSelection:
        """Compile which cohorts are ours: once, by whoever asks."""
        return CohortSelection(self.cohorts.include, self.cohorts.exclude)

    def secrets(self) -> tuple[Secret, ...]:
        """Return every secret: to refresh them, and to mask their values in a log."""
        found = [self.braze.partner_api_key, self.braze.data_import_key]
        if self.schema_registry is not None:
            found += self.schema_registry.secrets()
        if self.log.hash_key is not None:
            found.append(self.log.hash_key)
        found += [value for value in self.kafka.properties.values() if isinstance(value, Secret)]
        return tuple(found)


def taken_once(settings: Settings) -> tuple[Secret, ...]:
    """Return the secrets that are taken at the start, and never again."""
    values = settings.kafka.properties.items()
    found = [v for name, v in values if isinstance(v, Secret) and name not in LIVE]
    return (*found, settings.log.hash_key) if settings.log.hash_key else tuple(found)


def load(paths: Sequence[Path], environ: Mapping[str, str]) -> Settings:
    """Read the files, later ones winning, lay the environment over them, and check everything.

    Raise SettingsError with every problem there is. Where a file can't be read as YAML, what it
    may have said can't be known, and only such problems and the environment's are reported.
    """
    document: Document = {}
    problems: list[Problem] = []
    readable = True
    for path in paths:
        found, wrong = read_document(path)
        problems += wrong
        readable = readable and found is not None
        document = merge(document, found or {})
    document, origins, unknown = overlay(document, environ, Settings)
    problems += unknown
    if not readable:
        raise SettingsError(problems)
    # A section whose lines are all comments is null in YAML, and is meant as its defaults.
    document = {key: value for key, value in document.items() if value is not None}
    noted: dict[tuple[str, str], object] = {}
    settings = None
    try:
        settings = Settings.model_validate(document, context=noted)
    except ValidationError as error:
        problems += translate(error, document, Settings)
    problems += check_between(Values(noted, [problem.path for problem in problems]), Settings)
    if problems or settings is None:
        raise SettingsError([_with_origin(problem, origins) for problem in problems])
    return settings


def effective(settings: Settings) -> dict[str, object]:
    """Return the whole configuration, defaults included, as it would be written; secrets masked."""
    shown: dict[str, object] = settings.model_dump(mode="json", by_alias=True)
    braze = shown["braze"]
    assert isinstance(braze, dict)
    for key in KEYS:
        if braze[f"{key}_file"] is not None:
            del braze[key]  # It stands in the file; both together would be refused.
    registry = shown["schema_registry"]
    if isinstance(registry, dict):
        for key in SECRETS:
            if registry[f"{key}_file"] is not None:
                del registry[key]
    return shown


def client_properties(
    settings: Settings, role: Literal["consumer", "producer", "admin"] = "consumer"
) -> dict[str, object]:
    """Return `bootstrap.servers` and the vetted properties, secrets read, for a client.

    What only a consumer knows is left out for the other roles. Nothing that cohortd sets itself
    is here, but for the source of a cloud's tokens.
    """
    properties: dict[str, object] = {"bootstrap.servers": settings.kafka.bootstrap_servers}
    if settings.kafka.oauth is not None:
        properties["oauth_cb"] = msk_tokens(settings.kafka.oauth.region)
    for name, value in settings.kafka.properties.items():
        if role == "consumer" or name not in CONSUMER_ONLY:
            properties[name] = text_of(value)
    return properties


def _with_origin(problem: Problem, origins: Mapping[str, str]) -> Problem:
    """Name the variable where a problem's value came from the environment."""
    variable = origins.get(problem.path)
    if variable is None:
        return problem
    return Problem(f"{problem.path} ({variable})", problem.what, problem.remedy)
