"""The sections of the configuration, but for `inputs` and `braze`: keys, defaults, ranges.

Every duration is in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from daemon.config.base import Section
from daemon.config.durations import Duration, DurationOrNever, between
from daemon.config.kafka_properties import PropertyValue, read_properties
from daemon.config.noted import Noted
from daemon.config.oauth import OauthSettings, with_token_login
from daemon.config.secrets import Secret

COHORT_ID_BYTES_MAX = 256
WINDOW_MEMBERS_MAX = 16_000

_BROKER = re.compile(
    r"(?:[A-Za-z_]+://)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_PORT_MAX = 65_535


def _check_brokers(text: str) -> str:
    for broker in text.split(","):
        match = _BROKER.fullmatch(broker.strip())
        if match is None or not 1 <= int(match["port"] or 9092) <= _PORT_MAX:
            raise ValueError("must be HOST:PORT, several divided by commas")
    return text


def _check_host(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text) is None:
        raise ValueError("must be an address or the name of a host, without a port")
    return text


def _check_topic(name: str | None) -> str | None:
    if name is not None and _TOPIC.fullmatch(name) is None:
        raise ValueError("is no topic name: 1 to 249 of A-Z a-z 0-9 . _ -")
    return name


def check_label(text: str) -> str:
    """Accept a name that reads well in a log line, a metric's label and a header."""
    if not text.isprintable() or text != text.strip():
        raise ValueError("must have no line break, control character or space around it")
    return text


def check_readable(path: Path | None) -> Path | None:
    """Accept a file that can be read now."""
    if path is not None:
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ValueError(f"the file can't be read: {error.strerror}") from None
    return path


def _check_number(value: object) -> object:
    if isinstance(value, bool):  # Python takes yes for 1.
        raise ValueError("must be a number")  # noqa: TRY004 - Pydantic wants a ValueError.
    return value


Count: TypeAlias = Annotated[int, BeforeValidator(_check_number)]
Share: TypeAlias = Annotated[float, BeforeValidator(_check_number), Field(allow_inf_nan=False)]
Label: TypeAlias = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(check_label)]
Topic: TypeAlias = Annotated[str | None, AfterValidator(_check_topic)]
Glob: TypeAlias = Annotated[str, Field(min_length=1, max_length=COHORT_ID_BYTES_MAX)]


class KafkaSettings(Noted):
    """Which cluster, which group, and librdkafka's own properties, vetted."""

    PATH: ClassVar[str] = "kafka"

    bootstrap_servers: Annotated[str, Field(min_length=1), AfterValidator(_check_brokers)]
    group_id: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(check_label)]
    properties: Annotated[dict[str, PropertyValue], BeforeValidator(read_properties)] = Field(
        default_factory=dict
    )
    allow_plaintext: bool = False
    oauth: OauthSettings | None = None
    # Only with group.protocol=consumer, where the group's configuration can't be read (G6).
    session_timeout: Annotated[Duration, between("1s", "1h")] | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, raw: object) -> object:
        return with_token_login(raw) if isinstance(raw, Mapping) else raw


class CohortOverride(Section):
    """What is different for one cohort."""

    name: Label | None = None
    max_age: Annotated[Duration, between("10ms", "1h")] | None = None


def _check_cohort_ids(overrides: dict[str, CohortOverride]) -> dict[str, CohortOverride]:
    if any(not 0 < len(cohort.encode()) <= COHORT_ID_BYTES_MAX for cohort in overrides):
        raise ValueError(f"a cohort id has 1 to {COHORT_ID_BYTES_MAX} bytes")
    return overrides


class CohortsSettings(Noted):
    """Which cohorts are ours, and how they are called at Braze. Globs are on unprefixed ids."""

    PATH: ClassVar[str] = "cohorts"

    include: tuple[Glob, ...] = ("*",)
    exclude: tuple[Glob, ...] = ()
    id_prefix: Annotated[str, Field(max_length=128), AfterValidator(check_label)] = ""
    announce: bool = True
    names_topic: Topic = None
    max_active: Annotated[Count, Field(ge=1, le=10_000_000)] = 200_000
    overrides: Annotated[dict[str, CohortOverride], AfterValidator(_check_cohort_ids)] = Field(
        default_factory=dict
    )


class WindowSettings(Noted):
    """How long, and how much, a cohort gathers before it is sent."""

    PATH: ClassVar[str] = "window"

    max_age: Annotated[Duration, between("10ms", "1h")] = 2.0
    max_changes: Annotated[Count, Field(ge=1, le=WINDOW_MEMBERS_MAX)] = 1000
    removal_delay: Annotated[Duration, between("0s", "10m")] = 0.0


class BackoffSettings(Noted):
    """Waits between attempts: full jitter from `initial` up to `max`."""

    PATH: ClassVar[str] = "delivery.backoff"

    initial: Annotated[Duration, between("10ms", "30s")] = 0.5
    max: Annotated[Duration, between("10ms", "30s")] = 20.0  # Progress within 30 s (G10).
    give_up_after: Annotated[DurationOrNever, between("1s", "1000h")] = float("inf")


class DeliverySettings(Noted):
    """How fast, how patiently and how carefully requests are sent."""

    PATH: ClassVar[str] = "delivery"

    requests_per_hour: Annotated[Count, Field(ge=1, le=10_000_000)] = 250_000
    reserve: Annotated[Share, Field(ge=0, le=0.99)] = 0.1
    max_in_flight: Annotated[Count, Field(ge=1, le=256)] = 24
    request_timeout: Annotated[Duration, between("100ms", "5m")] = 10.0
    settle: Annotated[Duration, between("1s", "1h")] = 30.0
    backoff: BackoffSettings = BackoffSettings()


class MemorySettings(Noted):
    """The cap on pending changes, waiting and in flight (G9)."""

    PATH: ClassVar[str] = "memory"

    max_pending_changes: Annotated[Count, Field(ge=1000, le=100_000_000)] = 1_000_000


class DeadLetterSettings(Noted):
    """Where unusable records go; without a topic they stop their partition."""

    PATH: ClassVar[str] = "dead_letter"

    topic: Topic = "cohort.membership.dlq"
    max_ratio: Annotated[Share, Field(gt=0, le=1)] = 0.5


class ShutdownSettings(Noted):
    """How long a stop may take, whatever blocks."""

    PATH: ClassVar[str] = "shutdown"

    grace: Annotated[Duration, between("1s", "1h")] = 30.0


class AdminSettings(Noted):
    """Where metrics, health and status are served; port 0 is any free one."""

    PATH: ClassVar[str] = "admin"

    host: Annotated[str, AfterValidator(_check_host)] = "0.0.0.0"  # noqa: S104 - Probes and scrapers come from outside; it is read-only.
    port: Annotated[Count, Field(ge=0, le=_PORT_MAX)] = 8080


class MetricsSettings(Noted):
    """How many label values there may be."""

    PATH: ClassVar[str] = "metrics"

    max_cohorts: Annotated[Count, Field(ge=0, le=100_000)] = 200
    partition_labels: bool = True


class LogSettings(Noted):
    """What is logged, how, and how member ids are shown (at debug level only)."""

    PATH: ClassVar[str] = "log"

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    member_ids: Literal["hashed", "clear", "none"] = "hashed"
    hash_key_file: Annotated[Path | None, AfterValidator(check_readable)] = None
    _hash_key: Secret | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _read_hash_key(self) -> Self:
        if self.hash_key_file is not None:
            try:
                self._hash_key = Secret.from_file(self.hash_key_file)
            except ValueError as error:
                raise ValueError(f"hash_key_file: the file {error}") from None
        return self

    @property
    def hash_key(self) -> Secret | None:
        """The key of the hash; without one, ids are hashed with a key of this process."""
        return self._hash_key
