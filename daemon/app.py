"""The composition root of `cohortd run`: builds the parts, supervises them, ends them in order."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

import confluent_kafka
from prometheus_client import CollectorRegistry

from daemon import __version__, clocks, startup
from daemon.admin import AdminPages, AdminServer
from daemon.assembly import Parts, assemble
from daemon.config.settings import Settings, taken_once
from daemon.errors import CohortdError
from daemon.intake_thread import IntakeThread
from daemon.logs import LogPipe, configure, event, get_logger
from daemon.metrics import BuildInfo
from daemon.report import limiting_factor, ready_checks
from daemon.status import DaemonView

# How often the picture of the sending side is drawn, and key files are read again.
PICTURE_EVERY_S = 1.0
SECRETS_EVERY_S = 2.0
NAMES_WAIT_S = 10.0  # For the topic of names to be read, at the start.
NAMES_END_S = 3.0

# The watchdog ends the process this long before the grace is over.
_WATCHDOG_MARGIN_S = 0.5

# The interpreter hands the lock over this often, so that requests do not wait for decoding.
_SWITCH_S = 0.001


class Daemon:
    """One run, from start to exit code."""

    def __init__(self, settings: Settings, pipe: LogPipe) -> None:
        self._settings = settings
        self._pipe = pipe
        self._log = get_logger()
        self._stop_deadline_s: float | None = None
        self._ready: bool | None = None
        self._running: tuple[IntakeThread, Parts] | None = None

    async def run(self) -> int:
        """Serve until a signal or a failure; return the exit code."""
        self._listen(asyncio.get_running_loop())
        settings = self._settings
        daemon_view = DaemonView(
            __version__,
            settings.braze.workspace,
            settings.config_hash,
            settings.kafka.group_id,
            clocks.unix_s(),
        )
        registry = CollectorRegistry()
        parts = assemble(settings, daemon_view, registry)
        build = BuildInfo(
            __version__,
            confluent_kafka.libversion()[0],
            settings.config_hash,
            settings.braze.workspace,
        )
        parts.metrics.started(build, lambda: self._pipe.dropped)
        pages = AdminPages(parts.board, registry, clock=clocks.now_s)
        admin = AdminServer(settings.admin.host, settings.admin.port, pages.app())
        port = admin.start()
        self._log.info(event.ADMIN_STARTED, host=settings.admin.host, port=port)
        try:
            return await self._supervise(parts)
        finally:
            admin.stop()

    async def _supervise(self, parts: Parts) -> int:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[BaseException | None] = loop.create_future()

        def ended(failure: BaseException | None) -> None:
            loop.call_soon_threadsafe(over.set_result, failure)

        intake = IntakeThread(parts.intake, parts.consumer, parts.intake_watch, parts.board, ended)
        self._running = intake, parts
        chores = [
            asyncio.ensure_future(self._draw(parts)),
            asyncio.ensure_future(self._refresh_secrets(parts)),
        ]
        self._log.info(
            event.DAEMON_STARTED,
            version=__version__,
            workspace=self._settings.braze.workspace,
            group=self._settings.kafka.group_id,
            config=self._settings.config_hash,
        )
        parts.dispatcher.connect_ahead()
        parts.surveyor.start()
        if parts.librarian is not None:
            parts.librarian.start()
        await self._recall_names(loop, parts)
        startup.end()
        intake.start()
        anything: list[asyncio.Future[Any]] = [over, parts.dispatcher.crashed, *chores]
        await asyncio.wait(anything, return_when=asyncio.FIRST_COMPLETED)
        failure = self._first_failure(over, parts.dispatcher.crashed, chores)
        if not over.done():  # The sending side died: the intake must not go on alone.
            intake.stop(clocks.now_s())
            await asyncio.wait([over], timeout=self._settings.delivery.request_timeout)
        parts.surveyor.stop()
        if parts.librarian is not None:
            parts.librarian.stop()
        if parts.names is not None:
            parts.names.stop()
            await asyncio.to_thread(parts.names.join, NAMES_END_S)
        for chore in chores:
            chore.cancel()
        await parts.dispatcher.close(self._settings.delivery.request_timeout)
        return self._end(failure)

    async def _recall_names(self, loop: asyncio.AbstractEventLoop, parts: Parts) -> None:
        """Learn which cohorts are announced; where that takes too long, they are once more."""
        names = parts.names
        if names is None:
            return
        known = 0

        def remember(more: dict[str, str]) -> None:
            nonlocal known
            known += len(more)
            parts.dispatcher.remember(more)

        def hear(more: dict[str, str]) -> None:
            loop.call_soon_threadsafe(remember, more)

        names.listen(hear)
        parts.dispatcher.when_announced(names.tell)
        names.start()
        whole = await asyncio.to_thread(names.wait, NAMES_WAIT_S)
        self._log.info(event.NAMES_REMEMBERED, cohorts=known, whole=whole)

    def _first_failure(
        self,
        over: asyncio.Future[BaseException | None],
        crashed: asyncio.Future[None],
        chores: Sequence[asyncio.Future[None]],
    ) -> BaseException | None:
        if over.done():
            return over.result()
        for future in (crashed, *chores):
            if future.done():
                return future.exception()
        return None

    def _end(self, failure: BaseException | None) -> int:
        if failure is None:
            self._log.info(event.DAEMON_STOPPED)
            return 0
        if isinstance(failure, CohortdError):
            self._log.critical(event.DAEMON_CRASHED, error=str(failure))
        else:
            self._log.critical(event.DAEMON_CRASHED, exc_info=failure)
        return 1

    # Signals.

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take signals from the start; the loop hears of them when all parts are there."""
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._ignore_hangup)

    def _stop(self) -> None:
        assert self._running is not None, "nothing is awaited before that"
        intake, parts = self._running
        if self._stop_deadline_s is not None:
            self._log.warning(event.SHUTDOWN_HURRIED)
            intake.stop(clocks.now_s())
            return
        grace_s = self._settings.shutdown.grace
        self._stop_deadline_s = clocks.now_s() + grace_s
        self._log.info(event.SHUTDOWN_STARTED, grace_s=grace_s)
        parts.board.stopping = True
        intake.stop(self._stop_deadline_s)
        _Watchdog(grace_s, self._pipe).start()

    def _ignore_hangup(self) -> None:
        self._log.info(
            event.HANGUP_IGNORED,
            detail="secrets are read again by themselves; the configuration at a restart",
        )

    # Chores of the event loop.

    async def _draw(self, parts: Parts) -> None:
        while True:
            now_s = clocks.now_s()
            slots = self._settings.delivery.max_in_flight
            view = parts.delivery_watch.view(parts.delivery, slots, now_s)
            parts.board.publish_delivery(view, now_s)
            parts.metrics.publish_limit(limiting_factor(parts.board.intake, view))
            self._note_ready(parts)
            await asyncio.sleep(PICTURE_EVERY_S)

    def _note_ready(self, parts: Parts) -> None:
        checks = ready_checks(parts.board)
        ready = all(check.ok for check in checks)
        parts.metrics.ready.set(ready)
        if ready != self._ready:
            failing = {check.name: check.detail for check in checks if not check.ok}
            self._log.info(event.READY_CHANGED, ready=ready, **failing)
            self._ready = ready

    async def _refresh_secrets(self, parts: Parts) -> None:
        while True:
            await asyncio.sleep(SECRETS_EVERY_S)
            changed = [secret for secret in self._settings.secrets() if secret.refresh()]
            if changed:
                parts.metrics.secrets_reloaded.inc(len(changed))
                self._log.info(event.SECRET_RELOADED, files=[str(s.path) for s in changed])
                late = [str(s.path) for s in changed if s in taken_once(self._settings)]
                if late:
                    self._log.error(event.SECRET_NEEDS_RESTART, files=late)
                parts.dispatcher.retry_now()


class _Watchdog(threading.Thread):
    """Ends the process when the grace is over, whatever blocks; the rest is replayed.

    A call into the Kafka client may hold the interpreter's lock for good (measured), and no thread
    of Python's runs on then: faulthandler's, which needs no lock, ends the process half a second
    later, with 1 and without a word, since what it would say is not a line of the log.
    """

    def __init__(self, grace_s: float, pipe: LogPipe) -> None:
        super().__init__(name="cohortd-watchdog", daemon=True)
        self._grace_s = grace_s
        self._pipe = pipe
        nowhere = os.open(os.devnull, os.O_WRONLY)
        faulthandler.dump_traceback_later(grace_s, exit=True, file=nowhere)

    def run(self) -> None:
        """Wait, and end the process if it is still there."""
        threading.Event().wait(self._grace_s - _WATCHDOG_MARGIN_S)
        get_logger().error(event.WATCHDOG_FIRED, grace_s=self._grace_s)
        self._pipe.flush(0.2)
        os._exit(0)


def run(settings: Settings) -> int:
    """Run the daemon until it ends; return the exit code."""
    log = settings.log
    secrets = settings.secrets()
    hash_key = log.hash_key.reveal().encode() if log.hash_key else None
    pipe = configure(
        log.level,
        format=log.format,
        member_ids=log.member_ids,
        hash_key=hash_key,
        secrets=lambda: [secret.reveal() for secret in secrets],
    )
    sys.setswitchinterval(_SWITCH_S)
    try:
        return asyncio.run(Daemon(settings, pipe).run())
    finally:
        # Nobody listens any more: whoever is impatient now would have the last words lost, and
        # the exit code with them. They take two seconds at most.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        pipe.close()
