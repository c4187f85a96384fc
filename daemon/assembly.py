"""Builds the parts of the daemon from its settings: the one place that knows all of them."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from prometheus_client import CollectorRegistry

from daemon import clocks
from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.credentials import Credentials
from daemon.braze.dispatcher import Dispatcher
from daemon.braze.watch import DeliveryWatch
from daemon.config.inputs import InputSettings
from daemon.config.kafka_properties import text_of
from daemon.config.selection import plain_ids
from daemon.config.settings import Settings, client_properties
from daemon.core.backoff import Backoff
from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.lease import Lease
from daemon.core.pacer import Budget
from daemon.core.queue import WindowRules
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.takeover import Destination
from daemon.formats.decode import Decoder
from daemon.formats.decoders import compile_input
from daemon.formats.selection import CohortBound
from daemon.intake.dead_letters import DeadLetters
from daemon.intake.letters import Letters
from daemon.intake.loop import Intake, IntakeRules
from daemon.intake.ports import Ports
from daemon.intake.starts import FirstStart, Starts
from daemon.intake.ticks import tick_of
from daemon.intake.watch import IntakeWatch, WatchRules
from daemon.kafka.consumer import KafkaConsumer
from daemon.kafka.login import PASSWORD, USER, Login
from daemon.kafka.names_topic import NamesTopic
from daemon.kafka.outbox import Outbox
from daemon.kafka.surveyor import Surveyor
from daemon.line import ThreadLine
from daemon.logs import get_logger, librdkafka_logger
from daemon.metrics import CohortLabels, Metrics
from daemon.registry.library import AskingLibrary, Librarian
from daemon.registry.setup import schema_library
from daemon.status import Board, DaemonView

if TYPE_CHECKING:
    from daemon.formats.avro import Schemas
    from daemon.formats.avro_schema import WriterSchema


class Parts(msgspec.Struct, frozen=True):
    """Everything that runs, wired and not started."""

    metrics: Metrics
    board: Board
    delivery: Delivery
    delivery_watch: DeliveryWatch
    dispatcher: Dispatcher
    consumer: KafkaConsumer
    surveyor: Surveyor
    librarian: Librarian[WriterSchema] | None
    names: NamesTopic | None
    intake: Intake
    intake_watch: IntakeWatch


def assemble(settings: Settings, view: DaemonView, registry: CollectorRegistry) -> Parts:
    """Build the parts, on the event loop's thread. Nothing is read or sent before they start."""
    now_s = clocks.now_s()
    board = Board(view, now_s)
    metrics = _metrics(settings, registry)
    consumer = _consumer(settings)

    def beat() -> None:
        board.intake_tick_s = clocks.now_s()

    consumer.beat = beat
    starts = Starts(
        consumer,
        Destination(settings.fingerprint, settings.delivery.settle),
        first_start(settings.start),
        clocks.now_s,
        beat,
    )
    delivery = Delivery(delivery_rules(settings), random.random, now_s)
    delivery_watch = DeliveryWatch(metrics, lambda: board.pending_of_cohorts, starts.backfill_ends)
    dispatcher = Dispatcher(
        delivery, _slots(settings), delivery_watch, clock=clocks.now_s, unix_clock=clocks.unix_s
    )

    line = ThreadLine(asyncio.get_running_loop(), dispatcher)
    surveyor = Surveyor(
        _member_properties(settings), _topics(settings), clocks.now_s, _login(settings)
    )
    library = schema_library(settings)
    ports = Ports(consumer, line, clocks.now_s, metrics, beat, surveyor, library, line.outlook)
    intake = _intake(settings, ports, starts, library)
    intake_watch = IntakeWatch(intake, ports, clocks.unix_s, watch_rules(settings))
    return Parts(
        metrics,
        board,
        delivery,
        delivery_watch,
        dispatcher,
        consumer,
        surveyor,
        None if library is None else Librarian(library),
        names_topic(settings),
        intake,
        intake_watch,
    )


def delivery_rules(settings: Settings) -> DeliveryRules:
    """Return what the sending side is held to."""
    delivery = settings.delivery
    backoff = delivery.backoff
    return DeliveryRules(
        slots=delivery.max_in_flight,
        settle_s=delivery.settle,
        backoff=Backoff(backoff.initial, backoff.max),
        give_up_after_s=backoff.give_up_after,
        announce=settings.cohorts.announce,
        budget=Budget(delivery.requests_per_hour, delivery.reserve, delivery.max_in_flight),
    )


def relay_rules(settings: Settings) -> RelayRules:
    """Return what gathering is held to."""
    overrides = settings.cohorts.overrides
    return RelayRules(
        windows=WindowRules(
            settings.window.max_age,
            settings.window.max_changes,
            {c: o.max_age for c, o in overrides.items() if o.max_age is not None},
        ),
        names={c: o.name for c, o in overrides.items() if o.name is not None},
        pending_max=settings.memory.max_pending_changes,
        fingerprint=settings.fingerprint,
        removal_delay_s=settings.window.removal_delay,
    )


def watch_rules(settings: Settings) -> WatchRules:
    """Return from when on it is not normal that nothing moves."""
    overrides = settings.cohorts.overrides.values()
    ages_s = [o.max_age for o in overrides if o.max_age is not None]
    oldest_s = max([settings.window.max_age, *ages_s])
    delivery = settings.delivery
    return WatchRules(
        pending_max=settings.memory.max_pending_changes,
        overdue_s=oldest_s + delivery.settle + delivery.request_timeout,
    )


def decoder_of(settings: Settings, schemas: Schemas | None = None) -> Callable[[str], Decoder]:
    """Return a function from a topic to the decoder of the input it belongs to.

    `schemas` are the writers' schemas; without them whoever decodes waits for the registry.
    """
    selection = settings.selection()
    whole = settings.cohorts.include == ("*",) and not settings.cohorts.exclude
    selected = None if whole else selection.cohort_selected
    if schemas is None and (library := schema_library(settings)) is not None:
        schemas = AskingLibrary(library)
    bound = CohortBound(settings.cohorts.max_active)
    compiled = [
        (entry, compile_input(entry, selected, schemas, bound)) for entry in settings.inputs
    ]

    def find(topic: str) -> Decoder:
        return next(decoder for entry, decoder in compiled if takes(entry, topic))

    return find


def names_topic(settings: Settings) -> NamesTopic | None:
    """Return what remembers announced names, None where nothing does."""
    topic = settings.cohorts.names_topic
    if topic is None:
        return None
    reader = {**client_properties(settings), "group.id": f"{settings.kafka.group_id}.names"}
    writer = client_properties(settings, "producer")
    return NamesTopic(reader, writer, topic, settings.fingerprint)


def braze_slot(settings: Settings) -> BrazeClient:
    """Return one connection to Braze; the keys are read anew for each request."""
    braze = settings.braze
    endpoint = Endpoint(
        url=settings.braze_url,
        partner=braze.partner,
        id_prefix=settings.cohorts.id_prefix,
        request_timeout_s=settings.delivery.request_timeout,
        ca_file=str(braze.ca_file) if braze.ca_file else None,
        proxy=braze.proxy,
    )

    def credentials() -> Credentials:
        return Credentials(braze.partner_api_key.reveal(), braze.data_import_key.reveal())

    return BrazeClient(endpoint, credentials, clock=clocks.now_s)


def _slots(settings: Settings) -> list[BrazeClient]:
    return [braze_slot(settings) for _ in range(settings.delivery.max_in_flight + 1)]


def takes(entry: InputSettings, topic: str) -> bool:
    """Tell whether an input reads a topic."""
    if entry.topic is not None:
        return entry.topic == topic
    return entry.pattern is not None and re.fullmatch(entry.pattern, topic) is not None


def first_start(start: str | datetime) -> FirstStart:
    """Return where a group begins a topic that is new to it."""
    if isinstance(start, datetime):
        return FirstStart("time", round(start.timestamp() * 1000))
    return FirstStart(start)


def cohort_labels(settings: Settings) -> CohortLabels:
    """Return the labels of cohorts: of those that the configuration names, and of the first."""
    cohorts = settings.cohorts
    included = filter(settings.selection().cohort_selected, plain_ids(cohorts.include))
    return CohortLabels([*cohorts.overrides, *included], settings.metrics.max_cohorts)


def _metrics(settings: Settings, registry: CollectorRegistry) -> Metrics:
    labels = cohort_labels(settings)
    metrics = Metrics(registry, labels, partition_labels=settings.metrics.partition_labels)
    metrics.declare_topics([entry.topic for entry in settings.inputs if entry.topic])
    overrides = settings.cohorts.overrides.items()
    ages = {cohort: o.max_age for cohort, o in overrides if o.max_age is not None}
    metrics.targets(settings.window.max_age, ages)
    return metrics


def _member_properties(settings: Settings) -> dict[str, object]:
    return {**client_properties(settings), "group.id": settings.kafka.group_id}


def _login(settings: Settings) -> Login:
    """Return the follower of one client: each client is told by itself."""
    own = {n: v for n, v in settings.kafka.properties.items() if n in (USER, PASSWORD)}
    return Login(lambda: {name: text_of(value) for name, value in own.items()})


def _topics(settings: Settings) -> list[str]:
    return [entry.topic or entry.pattern or "" for entry in settings.inputs]


def _consumer(settings: Settings) -> KafkaConsumer:
    return KafkaConsumer(
        _member_properties(settings),
        _topics(settings),
        clock=clocks.now_s,
        logger=librdkafka_logger(get_logger()),
        login=_login(settings),
    )


def _intake(settings: Settings, ports: Ports, starts: Starts, schemas: Schemas | None) -> Intake:
    gathering = relay_rules(settings)
    relay = Relay(gathering, Lease(settings.lease_s or 0.0))
    topic = settings.dead_letter.topic
    properties = client_properties(settings, "producer")
    outbox = Outbox(properties, topic, login=_login(settings)) if topic else None
    letters = Letters(outbox, DeadLetters(), relay, ports.metrics)
    rules = IntakeRules(
        tick_s=tick_of(gathering.windows.ages_s),
        request_s=settings.delivery.request_timeout,
        max_reject_ratio=settings.dead_letter.max_ratio,
    )
    return Intake(rules, ports, relay, letters, starts, decoder_of(settings, schemas))
