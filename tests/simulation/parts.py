"""What a simulated daemon is made of: the real core and intake, on simulated ports."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, cast

from daemon.core.backoff import Backoff
from daemon.core.delivery import Delivery, DeliveryRules
from daemon.core.lease import Lease, lease_length_s
from daemon.core.model import Changes, Lane, Partition
from daemon.core.pacer import Budget
from daemon.core.queue import WindowRules
from daemon.core.relay import Relay
from daemon.core.relay_rules import RelayRules
from daemon.core.takeover import Destination
from daemon.intake.letters import Letters
from daemon.intake.loop import Intake, IntakeRules
from daemon.intake.ports import Ports
from daemon.intake.starts import FirstStart, Starts
from daemon.intake.ticks import tick_of
from daemon.intake.watch import IntakeWatch, WatchRules
from daemon.metrics import Metrics
from tests.simulation import consumer, decoding, names, scenario, wire
from tests.simulation.braze import Braze
from tests.simulation.consumer import Consumer
from tests.simulation.coordinator import Coordinator
from tests.simulation.decoding import Roster
from tests.simulation.log import Log
from tests.simulation.names import Naming
from tests.simulation.oracle import Oracle
from tests.simulation.outbox import Mailbox, Maker, Outbox, SilentMetrics
from tests.simulation.registry import Librarian, Registry
from tests.simulation.surveys import Surveys
from tests.simulation.wire import Dispatcher, Judges, Line
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all processes of a world share."""

    world: World
    log: Log
    oracle: Oracle
    coordinator: Coordinator
    braze: Braze
    mailbox: Mailbox
    registry: Registry


class WatchedRelay(Relay):
    """Tells where memory opened a barrier, since what is then sent may show old states."""

    opened: Callable[[Partition, float], None]
    was_put_back: Callable[[], None]
    was_crowded: Callable[[], None]
    was_opened_beside: Callable[[], None]

    def to_pause(self) -> set[Partition]:
        """Do as a relay does, and tell where only those who hold much are not read on."""
        if self.crowding and not self.saturated:
            self.was_crowded()
        return super().to_pause()

    def _put_back(self, cohort: str, lane: Lane, left: Changes, now_s: float) -> int | None:
        needless = super()._put_back(cohort, lane, left, now_s)
        if needless != lane.ticket:
            self.was_put_back()
        return needless

    def relieve(self, parked: Iterable[Partition] = (), *, held: bool = False) -> Partition | None:
        """Do as a relay does, and tell."""
        bounds = {p: tenure.barrier_to for p, tenure in self.tenures.items()}
        flying = {flush.cohort for flush in self.in_flight.values()}
        behind = [p for w in self.waiting() if w.cohort in flying for p in w.lanes]
        partition = super().relieve(parked, held=held)
        if partition is not None:
            if any(bounds[p] is None for p in behind):
                self.was_opened_beside()
            self.opened(partition, bounds[partition] or 0.0)
        return partition


class Owner(consumer.Owner, wire.Owner, names.Owner, Protocol):
    """The process they belong to."""

    def opened(self, partition: Partition, bound: float) -> None:
        """Memory opened a barrier that stood at `bound`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Those of one daemon that are looked at from outside."""

    consumer: Consumer
    dispatcher: Dispatcher
    relay: Relay
    intake: Intake
    watch: IntakeWatch
    naming: Naming
    librarian: Librarian


def _delivery(world: World) -> Delivery:
    limits = world.plan.limits
    rules = DeliveryRules(
        slots=limits.slots,
        settle_s=scenario.SETTLE_S,
        backoff=Backoff(0.2, 4.0),
        give_up_after_s=limits.give_up_after_s,
        announce=limits.announce,
        budget=Budget(limits.per_hour, burst=limits.slots),
    )
    return Delivery(rules, world.rng.random, world.now)


def _relay(world: World, owner: Owner) -> Relay:
    limits = world.plan.limits
    length_s = lease_length_s(scenario.SESSION_S, scenario.HEARTBEAT_S, scenario.REQUEST_S)
    windows = WindowRules(limits.window_age_s, limits.window_changes)
    rules = RelayRules(
        windows,
        pending_max=limits.pending_max,
        fingerprint=scenario.FINGERPRINT,
        removal_delay_s=limits.removal_delay_s,
    )
    relay = WatchedRelay(rules, Lease(length_s))
    relay.opened = owner.opened
    relay.was_put_back = functools.partial(world.sometimes, "put_back")
    relay.was_crowded = functools.partial(world.sometimes, "crowded")
    relay.was_opened_beside = functools.partial(world.sometimes, "barrier_opened_beside_held")
    return relay


def build(around: Surroundings, owner: Owner) -> Parts:
    """Put a daemon together."""
    world = around.world
    client = Consumer(world, owner, around.log, around.coordinator)
    delivery, roster = _delivery(world), Roster(world, owner.name)
    naming = Naming(world, owner, around.braze.book, delivery.names)
    judges = Judges(around.oracle, naming, roster)
    dispatcher = Dispatcher(world, owner, delivery, judges, around.braze)
    librarian = Librarian(world, owner, around.registry)
    metrics = cast("Metrics", SilentMetrics(world))
    line, surveys = Line(world, owner, dispatcher), Surveys(world, owner, around.log)
    ports = Ports(
        client,
        line,
        lambda: world.now,
        metrics,
        surveys=surveys,
        registry=librarian.library,
        outlook=line.outlook,
    )
    relay = _relay(world, owner)
    maker = Maker(world, around.log, roster)
    letters = Letters(Outbox(around.mailbox, owner, maker), maker, relay, metrics)
    first = FirstStart(world.plan.start)
    destination = Destination(scenario.FINGERPRINT, scenario.SETTLE_S)
    starts = Starts(client, destination, first, lambda: world.now)
    limits = world.plan.limits
    tick_s = tick_of([limits.window_age_s])
    rules = IntakeRules(limits.poll_max, tick_s, scenario.REQUEST_S)
    decoder = decoding.decoder(world, librarian.library, roster)
    intake = Intake(rules, ports, relay, letters, starts, lambda _topic: decoder)
    overdue_s = limits.window_age_s + scenario.SETTLE_S + scenario.REQUEST_S
    watch_rules = WatchRules(limits.pending_max, overdue_s)
    watch = IntakeWatch(intake, ports, lambda: scenario.UNIX_0_S + world.now, watch_rules)
    return Parts(client, dispatcher, relay, intake, watch, naming, librarian)
