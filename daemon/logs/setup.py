"""Structlog and the standard library's logging, set up for one process."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Literal, TextIO, TypeAlias, cast

import structlog

from daemon.logs import event as events
from daemon.logs.clean import Cleaner, Masker, MemberIds, Plain, Secrets
from daemon.logs.folded import FoldingHandler
from daemon.logs.hasher import MemberHasher
from daemon.logs.parts import parts_of
from daemon.logs.writer import LineWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import FilteringBoundLogger, Processor

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["json", "console"]

LINE_LENGTH_MAX = 16_384
QUEUE_LINES_MAX = 8_192

_FIRST = ("timestamp", "level", "event")
_timestamp = structlog.processors.TimeStamper(fmt="iso", utc=True)


class LogPipe:
    """The way out of this process's log lines.

    Lines put in by any thread, at any time, leave in order; `dropped` counts those that could
    not. Flush before the process ends, close only when nobody logs any more.
    """

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    @property
    def dropped(self) -> int:
        """Lines lost since the start, because the reader stood still or went away."""
        return self._writer.dropped

    def flush(self, timeout_s: float = 2.0) -> bool:
        """Wait until all is written; False when the reader did not let it in time."""
        return self._writer.flush(timeout_s)

    def close(self, timeout_s: float = 2.0) -> bool:
        """Write what is left and end the writing thread."""
        return self._writer.close(timeout_s)


class _Line:
    """What structlog calls last: hands the finished line over, or the lines it has become."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer

    def msg(self, lines: str) -> None:
        for line in lines.split("\n"):
            self._writer.put(line + "\n")

    log = debug = info = warn = warning = err = error = critical = fatal = exception = failure = msg


def configure(
    level: Level,
    *,
    format: Format = "json",  # noqa: A002  The setting's name.
    stream: TextIO | None = None,
    member_ids: MemberIds = "hashed",
    hash_key: bytes | None = None,
    secrets: Secrets = tuple,
) -> LogPipe:
    """Send every log line of this process to `stream` (stdout), by a thread of its own.

    `secrets` is asked for each line for the values that must never appear in one, so it must be
    quick and not raise. Messages of other libraries, from warning up, come the same way, folded.
    """
    cleaner = Cleaner(Masker(secrets), member_ids, MemberHasher(hash_key))
    target = sys.stdout if stream is None else stream
    renderer = _render_json if format == "json" else _console(target)

    def describe_drops(count: int) -> str:
        fields = {"event": events.LOG_LINES_DROPPED, "level": "warning", "count": count}
        stamped = _timestamp(None, "warning", fields)
        return str(renderer(None, "warning", cleaner(None, "warning", stamped))) + "\n"

    writer = LineWriter(target, QUEUE_LINES_MAX, describe_drops)
    _configure_structlog(level, [cleaner, _in_parts(renderer)], _Line(writer))
    _configure_stdlib()
    return LogPipe(writer)


def get_logger() -> FilteringBoundLogger:
    """Return a logger that follows whatever `configure` says, before or after this call.

    A process that never configures (a test, a small tool) gets plain lines on stderr, cleaned all
    the same: structlog's own default would print local variables.
    """
    if not structlog.is_configured():
        cleaner = Cleaner(Masker(tuple), "none", MemberHasher())
        _configure_structlog("info", [cleaner, _render_json], structlog.PrintLogger(sys.stderr))
    return cast("FilteringBoundLogger", structlog.get_logger())


def _configure_structlog(level: Level, last: list[Processor], line: object) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _timestamp,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_args: line,
        cache_logger_on_first_use=False,  # Else a module's logger would keep an older set-up.
    )


def _configure_stdlib() -> None:
    logging.raiseExceptions = False  # It prints the arguments of a failed call, locals and all.
    logging.captureWarnings(True)  # noqa: FBT003
    root = logging.getLogger()
    root.handlers[:] = [FoldingHandler(get_logger(), events.LIBRARY_MESSAGE)]
    root.setLevel(logging.WARNING)


def _in_parts(renderer: Processor) -> Processor:
    def render(logger: object, method: str, fields: dict[str, Plain]) -> str:
        return "\n".join(str(renderer(logger, method, part)) for part in parts_of(fields))

    return cast("Processor", render)


def _render_json(_logger: object, _method: str, fields: Mapping[str, Plain]) -> str:
    ordered = {name: fields[name] for name in _FIRST if name in fields} | dict(fields)
    line = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    while len(line) > LINE_LENGTH_MAX:
        longest = max(ordered, key=lambda name: len(json.dumps(ordered[name])))
        ordered[longest] = "…"
        line = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"))
    return line


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=28)
